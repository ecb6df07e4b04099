"""The wire without sockets: messages in and out, frames, close codes, rates, tokens, and the state of one connection.

Owns: the format of every socket message and platform event, and what a client may send how often.
Invariants: no socket, no event loop, no clock: bytes and instants come in as arguments. A message that a client gets is made
here and nowhere else. Refusals are values or ``Rejected``; bad input never raises anything else.
May import: ``engine.domain`` and Pydantic.
A close code is chosen in ``close_codes``; a frame comes in by ``connection``, and goes out by ``outgoing``.
"""
