"""The group's heart: from the beats of a strap to figures that only a group has.

Order of the parts, each using those before it: ``gate`` (which beats are real), ``measures`` (RMSSD and its kin
over a window), ``stream`` (one person), ``coherence`` and ``synchrony`` (rhythm of one, rhythm together), ``ledger``
(what a row of figures gives away together), ``shares`` (what parts of a group have in its figures), ``cohort`` (what may
be shown of a group, and kept of it, without showing one person), ``marks`` (milestones and achievements), ``group``.

Everything here is memory and arithmetic: no I/O, no clock, no randomness, and no beat outlives its session.
"""
