"""Breathing techniques: patterns, the catalogue's rows, and finding one by name.

Owns: what a technique is, which there are, and how a name is read. Invariants: pure data and functions, the one source for
the engine, the live pages and the published site. May import: the standard library.
"""
