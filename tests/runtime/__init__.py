"""The loop actor and the actors built on it."""
