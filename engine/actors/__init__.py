"""The loop actor, the session actor, and the directory that brings sessions to life."""
