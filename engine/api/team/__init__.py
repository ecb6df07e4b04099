"""The team: keys with their roles, who leads which session, and signing in by mail or with a passkey.

Owns: ``/keys``, ``/passkeys``, ``/sessions/{session_id}/hosts`` and ``/sign-in``.
Invariants: a key is shown once; nobody makes a key of more than their own role; no link brings back who was removed.
May import: ``engine.domain``, ``protocol``, ``storage``; ``publisher.catalogue``.
"""
