"""What each command of ``halcytone`` does; ``engine.cli`` has their options and help.

Invariants: ``halcytone serve`` must be ready in a moment, so a command imports what it needs when it is called, and
nothing here loads MkDocs or NumPy at import.
May import: ``engine.app``, ``clock``, ``demo``, ``domain``, ``operations``, ``recordings``, ``settings``, ``storage``, ``web``;
``publisher.catalogue``, ``commands``, ``import_reader``, ``priority``, ``rendering``, ``single_round``, ``worker``; of
``halcytone`` the errors that ``demo`` reports.
"""
