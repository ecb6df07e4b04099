"""The group's heart: from the beats of a strap to figures that only a group has.

Order of the parts, each using those before it: ``gate`` (which beats are real), ``measures`` (RMSSD and its kin
over a window), ``stream`` (one person), ``coherence`` and ``synchrony`` (rhythm of one, rhythm together), ``cohort``
(what may be shown of a group without showing one person), ``marks`` (milestones and achievements), ``group``.

Everything here is memory and arithmetic: no I/O, no clock, no randomness, and no beat outlives its session.
"""
