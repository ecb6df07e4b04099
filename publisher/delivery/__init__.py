"""Mail delivery: sends approved mails by SMTP, each to one recipient, retries refused ones, and records each outcome.

Owns: the connection to the mail server, and the mail that each kind of delivery becomes.
Invariants: a delivery is recorded as under way before its first byte is sent; one that the server may have taken is
``uncertain`` and never sent again by itself.
May import: ``engine.domain``, ``storage``; ``publisher.catalogue``, ``drafts``, ``mail``, ``rendering``, ``syndication``.

Retries: the attempts of one mail are in ``catalogue.due_deliveries``, pauses and lifetimes in ``catalogue.mail_retries``; the pause of all mail
while the server refuses the studio itself is ``due_mail.Outage``.
"""
