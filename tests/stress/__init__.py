"""A storm over a real server, and a checker of what it left: ``python -m tests.stress --seed N --seconds 60``.

``plan`` says what happens and when, as a pure function of the seed; ``storm`` does it to a server in a
process of its own; ``checker`` reads the database afterwards and holds every client's log against it.
``registrations`` is another one: a thousand addresses that say that they come, and the letters they get.
Of this pytest runs the ``test_*.py`` alone, a few seconds of the same.
"""
