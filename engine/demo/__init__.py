"""The demonstration: a whole live session, played by real clients over real sockets, and published.

The people are simulated; their heartbeats are recordings of real ones (``engine/recordings``). Server and clients share
one clock that runs faster and ends at the present, so nothing is ever sent early.
Owns: the script, the simulated people, what is printed. Invariants: everything goes over the public interfaces.
May import: ``engine.app``, ``clock``, ``domain``, ``settings``; ``halcytone``, whose client every simulated person uses.
"""
