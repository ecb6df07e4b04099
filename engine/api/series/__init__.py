"""The endpoints of series of sessions, their bodies, and series as JSON.

Owns: ``/series`` of the API; its pages are in ``pages``.
Invariants: every mistake in a body is named at once.
May import: ``engine.api.sessions``; ``engine.domain``, ``protocol``, ``sessions``, ``storage``.
"""
