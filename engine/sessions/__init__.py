"""Live sessions: one actor for each, the directory that finds and revives them, and what an actor needs of others.

Owns: a session's state, participants, group figures, and the order of its messages.
Invariants: one actor per session; state evolves at once, and no numbered message leaves before its journal entry is durable;
a failed actor is rebuilt from its journal, which is the only way in which a session comes to life.
May import: ``engine.clock``, ``domain``, ``protocol``, ``runtime``, ``storage``.

Its packages: ``arrival`` (connections), ``figures`` (group and own figures), ``journaling`` (what is committed), ``timing``
(deadlines), ``series``. Sockets and HTTP reach it through ``directory`` and ``ports``. A command arrives in ``session_actor``, which decides, journals
and, once that is durable, sends the messages of its events to the room.
"""
