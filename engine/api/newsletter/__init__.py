"""Newsletter subscriptions over HTTP, and how often they may be asked for.

Owns: ``/subscribe/``, ``/confirm/`` and ``/unsubscribe/``.
Invariants: a GET changes nothing; one mail at most goes to an address that did not confirm.
May import: ``engine.domain``, ``protocol``; ``publisher.catalogue``.
"""
