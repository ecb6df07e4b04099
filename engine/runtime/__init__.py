"""Pykka actors on an asyncio event loop: none has a thread of its own. And tasks that outlive their failures.

Owns: the loop actor, its mailbox, its awaitable future, the scheduler that gives actors their
turns; and the start of tasks that must not end (``supervised``).
Invariants: one message at a time and in order per actor; a mailbox is bounded; ``tell`` and ``ask`` work from any
thread and never block the loop; an ``ask`` of a stopped actor fails at once.
May import: Pykka and the standard library. Knows nothing of sessions, nor of any other package of the engine.
"""
