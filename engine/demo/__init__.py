"""The demonstration: a whole live session, played by real clients over real sockets, and published.

The people are played; their heartbeats are recordings of real ones (``engine/recordings``). Server and
clients share one clock that runs faster and ends at the present, so nothing is ever sent early.
"""
