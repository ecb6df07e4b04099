"""The endpoints of what is published: summaries, drafts, publications, analytics.

Owns: ``/session-summary``, ``/publications``, the draft desk, ``/analytics``.
Invariants: an answer names only artefacts that exist.
May import: ``engine.domain``, ``storage``; ``publisher.catalogue``, ``content``, ``drafts``, ``rendering``, ``summary``.
"""
