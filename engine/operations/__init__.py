"""Operating a deployment: diagnosis, logging, periodic maintenance, garbage collection, the publisher process.

Owns: the findings of ``halcytone doctor``, the log format, the child process that publishes, ``DIR/marks.toml``.
May import: ``engine.realtime``, ``engine.sessions``, ``engine.storage``, ``engine.domain``, ``engine.settings``; of the
publisher the reader of ``studio.toml`` and the end of retention in its catalogue.
"""
