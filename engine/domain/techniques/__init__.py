"""Breathing techniques: patterns, the catalogue's rows, and finding one by name.

The one source for the engine, the live pages and the published site. Pure data and functions.
"""
