"""The publisher's tables and the queries on them: what is published, drafts, subscribers, deliveries.

Owns: all SQL of the publisher, on its own tables alone.
Invariants: the whole site can be made again from here, byte for byte; each writing method is one transaction.
May import: ``engine.domain``, ``storage``; ``publisher.rendering``.
"""
