"""The endpoints of sessions: create, change, lead, list, announce, platform events, and what is a person's own (``me``).

Owns: ``/sessions`` of the API, and sessions as JSON (``view``).
Invariants: names, chat and quotes are for those who belong to the session.
May import: ``engine.api.publishing`` (a session's summary); ``engine.domain``, ``protocol``, ``sessions``, ``storage``; ``publisher.catalogue``.
"""
