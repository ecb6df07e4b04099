"""WebSockets and rooms: frames read into messages for session actors, and the ring of prepared frames written out.

Owns: the handshake, the reading of frames, the seats of a room and what is written to them, the metrics of sockets.
Invariants: nothing blocks or awaits between a frame's arrival and the actor's mailbox; a frame is encoded once; nobody
has a queue of their own; every socket that the server closes gets a code of ``engine.protocol.close_codes``,
or RFC 6455's own for a frame that breaks it.
Who comes is checked in ``admission`` and seated by the session's actor.
A frame's way: ``frame_reader`` → ``live_socket`` → ``engine.protocol.connection`` → mailbox of ``engine.sessions``;
back: session actor → ``room`` → ``seat``.
May import: ``engine.clock``, ``domain``, ``protocol``, ``runtime``, ``sessions``, ``storage``.
"""
