"""Time in sessions: the instants of one session's records, and deadlines, of sessions in memory or not.

Owns: one timer for each session in memory, and one for all others.
Invariants: the instants of a journal never run back.
May import: ``engine.clock``, ``domain``.
"""
