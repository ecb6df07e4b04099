"""Operating a deployment: diagnosis, logging, periodic maintenance, garbage collection, the publisher process.

Owns: the findings of ``halcytone doctor``, the log format, the child process that publishes, ``DIR/marks.toml``.
May import: ``engine.clock``, ``domain``, ``realtime``, ``runtime``, ``sessions``, ``settings``, ``storage``;
``publisher.catalogue``, ``delivery``, ``rendering``.
"""
