"""Mails as bytes: subject, HTML and text of each kind of mail, and its message (RFC 5322).

Owns: the layout and the length of a mail, and its headers.
Invariants: the same mail always gives the same bytes. Sends nothing; see ``publisher.delivery``.
May import: ``engine.domain``; ``publisher.rendering``.
"""
