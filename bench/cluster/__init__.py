"""``make bench-cluster``: what several servers on one PostgreSQL cost, and how soon people are back after each fault."""
