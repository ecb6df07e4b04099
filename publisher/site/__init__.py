"""The published site: which pages there are, what is in them, and building them through MkDocs.

Owns: everything below ``public/`` and ``private/``. Invariants: the site is a function of the catalogue and never of the
clock; building the dirty pages alone gives the same bytes as building the whole site.
May import: ``engine.domain``, ``storage``; ``publisher.catalogue``, ``files``, ``priority``, ``processes``,
``rendering``, ``syndication``. Not mail, not drafts.
"""
