"""The publisher's tables and every question asked of them: what is published, drafts, subscribers, deliveries.

Owns: all SQL of the publisher. Invariants: the whole site can be made again from here, byte for byte; each writing
method is one transaction. May import: ``engine.domain``, ``engine.storage`` (the database seam, snapshots, outbox).
"""
