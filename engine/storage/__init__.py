"""The database: every table of the engine behind one interface (``database``), with SQLite or PostgreSQL behind it, and migrations.

Owns: every table of the engine and every SQL statement on them.
Invariants: one append is one transaction, journal records and rows together; positions are given by the session and
never written twice; no SQL and no row of a driver leaves this package.
May import: ``engine.domain``.
"""
