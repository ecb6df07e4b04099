"""The documents in docs/."""
