"""The sessions of series: made ahead of time, and brought to what their series says.

Owns: when which session of a series is made.
Invariants: a session that was changed alone, or has begun, stays as it is.
May import: ``engine.sessions.messages``; ``engine.clock``, ``domain``, ``storage``.
"""
