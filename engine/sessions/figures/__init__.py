"""The figures of a live session: beats and taps in, a tick every five seconds, the group's curve and ``metrics_update``.

Owns: when figures are computed, recorded and sent.
Invariants: one person's figures go to that person alone.
May import: ``engine.sessions.ports``; ``engine.clock``, ``domain``, ``protocol``, ``storage``.
"""
