"""Sends notices to webhooks: signed as the Standard Webhooks specification says, and to no address that is not public.

Owns: when a delivery is sent, and the connection over which it is.
Invariants: an address is checked when the connection to it is made, not when its name was looked up; a redirect is not
followed; a delivery is taken in the database before it is sent, so that one server alone sends it.
May import: ``engine.clock``, ``domain``, ``storage``.
"""
