"""Pykka actors that run on an asyncio event loop instead of a thread each.

Owns: the loop actor, its mailbox, its awaitable future, and the scheduler that gives actors their turns.
Invariants: one message at a time and in order per actor; a mailbox is bounded; ``tell`` and ``ask`` work from any
thread and never block the loop; an ``ask`` of a stopped actor fails at once.
May import: Pykka and the standard library. Knows nothing of sessions, nor of any other package of the engine.
"""
