"""Searches that take minutes: not part of the ordinary suite."""
