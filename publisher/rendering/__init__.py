"""What pages, mails and posts are rendered with: the studio's settings, translated strings, templates, charts and card.

Owns: ``studio.toml``, the languages, the ``Story`` that templates are given. Stories, charts and cards are pure functions of
a snapshot and a studio; ``studio`` and ``words`` read their files.
May import: ``engine.domain``; ``publisher.processes``.
"""
