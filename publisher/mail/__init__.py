"""Mails as bytes: subject, HTML and text of each kind of letter, and its RFC 5322 message.

Invariants: the same letter is the same bytes whenever it is made. Sends nothing; see ``publisher.delivery``.
May import: ``publisher.rendering``.
"""
