"""Values, commands, events, ``decide`` and ``evolve``: no I/O, no clock, no randomness."""
