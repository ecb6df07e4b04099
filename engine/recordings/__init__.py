"""Real beat-to-beat recordings, one interval in milliseconds a line; sources and licences stand in README.md."""
