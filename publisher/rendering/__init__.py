"""What a session is told with: the studio's identity, its words, templates, charts and picture.

Owns: ``studio.toml``, languages, the story of a session in words, the drawings. Pure functions of a snapshot and a studio.
May import: ``engine.domain`` values. Knows no database, no page, no mail.
"""
