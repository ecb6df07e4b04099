"""A storm over a real server, and a checker of what it left: ``python -m tests.stress --seed N --seconds 60``.

``plan`` says what happens and when, as a pure function of the seed; ``storm`` does it to a server in a
process of its own; ``checker`` reads the database afterwards and holds every client's log against it.
Of this pytest runs ``test_storm.py`` alone, a few seconds of the same.
"""
