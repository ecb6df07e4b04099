"""The draft desk: newsletter and social posts of a session, edited, approved or withdrawn by a person.

Owns: ``DIR/drafts``. Invariants: nothing is sent or posted without an approval or the operator's ``[automatic]`` setting.
May import: ``engine.domain``, ``storage``; ``publisher.catalogue``, ``files``, ``mail``, ``rendering``.
"""
