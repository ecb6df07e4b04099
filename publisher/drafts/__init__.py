"""The draft desk: newsletter and social posts of a session, edited, approved or withdrawn by a person.

Owns: ``DIR/drafts``. Invariants: nothing is sent or published from here without an approval or the operator's switch.
May import: ``publisher.mail``, ``catalogue``, ``rendering``, ``files``.
"""
