"""How often the newsletter is asked for: by one network address, and for one mailbox.

Whoever asks names an address that need not be theirs. Each is written to at most once an hour (``subscriptions``), but one mailbox has
any number of addresses where the provider takes ``name+anything``, and some ignore dots too.
"""

from __future__ import annotations

import re

from engine.api.http.addresses import AddressRates
from engine.domain.instant import MINUTE, Millis
from engine.protocol.rates import Rate

__all__ = ["SubscriptionLimits", "mailbox_of"]

_OF_A_NETWORK = Rate(1, 60)
"""A studio's visitors share an address, and a class of 60 may ask at once."""
_OF_A_MAILBOX = Rate(3 / (24 * 60), 3)
"""Three a day."""

_WITHOUT_DOTS = frozenset({"gmail.com", "googlemail.com", "proton.me", "protonmail.com", "pm.me"})
_SAME_DOMAIN = {"googlemail.com": "gmail.com", "protonmail.com": "proton.me", "pm.me": "proton.me"}
_HYPHEN_ALIASES = re.compile(r"(?:yahoo\.[a-z.]+|ymail\.com|rocketmail\.com)")
"""Where ``name-anything`` is an alias, and a name has no hyphen of its own."""


def mailbox_of(address: str) -> str:
    """The mailbox that a valid address most probably leads to, in lower case."""
    local, _, domain = address.lower().rpartition("@")
    local = local.split("+", 1)[0] or local
    if domain in _WITHOUT_DOTS:
        local = local.replace(".", "")
    elif _HYPHEN_ALIASES.fullmatch(domain):
        local = local.split("-", 1)[0] or local
    return f"{local}@{_SAME_DOMAIN.get(domain, domain)}"


class SubscriptionLimits:
    """Counts subscriptions that are asked for, in memory."""

    def __init__(self) -> None:
        self._networks = AddressRates(_OF_A_NETWORK)
        self._mailboxes = AddressRates(_OF_A_MAILBOX)

    def wait_of_network(self, address: str, at: Millis) -> int:
        """Count one of a network address. Returns 0 within the limit, else seconds to wait."""
        return -(-self._networks.take(address, at) // (MINUTE // 60))

    def may_write_to(self, address: str, at: Millis) -> bool:
        """Count one for a valid mail address; False when its mailbox was asked often enough today."""
        return self._mailboxes.take(mailbox_of(address), at) == 0
