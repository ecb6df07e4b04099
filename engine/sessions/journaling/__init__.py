"""From a turn of a session to its journal entry and back: records, people's rows, the room's row, notices, loading.

Owns: what one commit of a session holds.
Invariants: all of a turn is in one entry; its waiters are answered once it is durable.
May import: ``engine.domain``, ``protocol``, ``storage``.
"""
