"""What pages, mails and posts are rendered with: the studio's settings, translated strings, templates, charts and card.

Owns: ``studio.toml``, the languages, the ``Story`` that templates are given. Pure functions of a snapshot and a studio.
May import: ``engine.domain`` values. Knows no database, no page, no mail.
"""
