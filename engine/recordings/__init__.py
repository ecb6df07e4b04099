"""Recordings of real hearts, and their analysis: the figures of one recording, and its chart.

Owns: the files of RR intervals (one interval in milliseconds a line; README.md has sources and licences).
May import: ``engine.domain.heart``, so that a recording is measured as a live strap is.
"""
