"""What keeps a deployment running: its examination, log lines, garbage collection, and the publisher process.

Owns: ``halcytone doctor``'s findings, the log format, the child process that publishes, ``DIR/marks.toml``.
May import: ``engine.storage``, ``engine.domain``, ``engine.settings``; of the publisher only ``studio.toml``'s reader.
"""
