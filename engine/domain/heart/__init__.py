"""Heart rate variability of one person and of the group, from the beats of straps.

Order of the parts, each using those before it: ``gate`` (which beats are real), ``measures`` (RMSSD and its kin
over a window), ``stream`` (one person), ``coherence`` and ``synchrony`` (rhythm of one, rhythm together), ``differencing``
(what a series of figures discloses), ``shares`` (the part of a figure that a subgroup contributes), ``cohort`` (what may
be shown of a group, and kept of it, without showing one person), ``marks`` (milestones and achievements), ``group``.

Owns: every figure of a heart, of one person and of the group, and what of it may be shown.
Invariants: memory and arithmetic alone: no I/O, no clock, no randomness; no beat outlives its session.
May import: NumPy; ``engine.domain.instant``.
"""
