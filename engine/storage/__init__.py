"""One SQLite file: the journal with its group commit, the rooms, the people, the keys, the outbox."""
