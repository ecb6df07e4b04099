"""Messages on the wire, without sockets: those in and out, frames, close codes, rates, tokens, and the state of one connection.

Owns: the format of every socket message and platform event, and what a client may send how often.
Invariants: no socket, no event loop, no clock: bytes and instants come in as arguments. A message that a client gets is made
here and nowhere else. Refusals are values or ``Rejected``; bad input never raises anything else.
May import: ``engine.domain``.

The close codes and their meaning, and the code of a refusal, are in ``close_codes``; whoever closes a socket for another
reason names the code there (``CloseCode.``). The text of a frame is checked in ``connection``; what goes out is made in ``outgoing``.
"""
