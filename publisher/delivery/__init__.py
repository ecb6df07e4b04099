"""Sending what was approved: mail to each recipient, retried, and never claimed before the server took it.

Invariants: a delivery is written down as under way before its first byte leaves; one that may have arrived is
``uncertain`` and never sent again by itself. May import: ``publisher.drafts``, ``mail``, ``catalogue``.
"""
