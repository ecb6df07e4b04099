"""Connections of a session that come and go: admission, the welcome, recovery of what was missed, departure.

Owns: who is joining, and who may return to which position.
Invariants: a returning client gets exactly what it missed, or the full state.
May import: ``engine.sessions.messages``, ``numbered_frames``, ``ports``; ``engine.domain``, ``protocol``, ``storage``.
"""
