"""The published site: which pages there are, their content, and building them through MkDocs.

Owns: everything below ``public/``. Invariants: ``public/`` is a function of the catalogue and never of the clock;
building piece by piece gives the same bytes as building it whole.
May import: ``publisher.catalogue``, ``rendering``, ``files``, ``syndication``. Knows nothing of mail or drafts.
"""
