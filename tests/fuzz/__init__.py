"""Fuzz tests: seeded nonsense against a real server in a process of its own. Minutes by ``make``, seconds in the suite."""
