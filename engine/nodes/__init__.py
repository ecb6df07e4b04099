"""Several servers on one PostgreSQL database: each is a "node"; which node owns which session, and which nodes are alive.

Owns: which nodes are taken for dead (``failure_detector``), its beats (``membership``), the sessions it owns (``ownership``),
and requests that come to another node than the owner's (``forwarding``, ``splice``).
Invariants: one living node owns a session; a node that was evicted owns none and writes nothing, which the database sees
to; no wall clock of any machine is compared with another's.
May import: ``engine.domain``, ``runtime``, ``storage``.
"""
