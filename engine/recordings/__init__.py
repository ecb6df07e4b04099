"""Recordings of hearts, whatever program wrote them: reading, the figures of one recording, and its chart.

Owns: the files of RR intervals of real hearts (one interval in milliseconds a line; README.md has sources and licences).
Order of the parts, each using those before it: ``lines``, ``columns``, ``units``, ``choices`` (which column), ``reader``;
``tachogram`` (the chart); ``analyze``.
May import: ``engine.domain``: a recording is measured as a live strap is.
"""
