"""Registrations for sessions and series: their endpoints, and what they share with the pages (``registering``).

Owns: who may register, how often, and what becomes known of it.
Invariants: nobody but the person and the staff learns a registration's secret, address or name.
May import: ``engine.api.newsletter`` (limits for one mailbox), ``series``, ``sessions``; ``engine.domain``, ``storage``; ``publisher.catalogue``.
"""
