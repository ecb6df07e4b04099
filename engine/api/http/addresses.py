"""Client addresses, by which limits count: looked up behind trusted proxies; an IPv6 address counts as its network.

Whoever has one IPv6 address usually has the 2^64 of its network, so limits count the network.
"""

from __future__ import annotations

import ipaddress
import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

from aiohttp import web

from engine.protocol.rates import Rate, TokenBucket

__all__ = ["AddressRates", "Addresses"]

_MOST_ADDRESSES = 50_000
_BRACKETED = re.compile(r"\[([^][]*)\](?::[0-9]*)?")
_IPV4_AND_PORT = re.compile(r"([0-9.]+):[0-9]*")


class _Named(NamedTuple):
    name: str
    """What limits count."""
    trusted: bool
    """It is a trusted proxy's."""
    seats_uncounted: bool


class Addresses:
    """Names the network address that limits count a request for."""

    def __init__(
        self, trusted_proxies: Sequence[str] = (), ipv6_prefix: int = 64, seats_uncounted: Sequence[str] = ()
    ) -> None:
        """``trusted_proxies`` and ``seats_uncounted`` are addresses or networks.

        ``ipv6_prefix`` is how many bits of an IPv6 address count.
        """
        self._trusted = tuple(ipaddress.ip_network(network) for network in trusted_proxies)
        self._seats_uncounted = tuple(ipaddress.ip_network(network) for network in seats_uncounted)
        self._ipv6_prefix = ipv6_prefix
        self._hop: Callable[[web.BaseRequest], str | None] | None = None
        self._named = lru_cache(_MOST_ADDRESSES)(self._name)

    def of(self, request: web.BaseRequest) -> str:
        """The client's: the peer's, or the last in ``X-Forwarded-For`` that is not a trusted proxy's."""
        return self._client(request).name

    def seat_of(self, request: web.BaseRequest) -> str | None:
        """The same, where seats are counted by it; None for this machine, proxies, and networks that are not counted."""
        named = self._client(request)
        return None if named.seats_uncounted or named.trusted else named.name

    def trust_hops(self, address_of: Callable[[web.BaseRequest], str | None]) -> None:
        """Believe what other servers of this studio say of the requests that they forward; None for other requests."""
        self._hop = address_of

    def client_of(self, request: web.BaseRequest) -> str:
        """The client's whole address, as it came."""
        forwarded = None if self._hop is None else self._hop(request)
        if forwarded is not None:
            return forwarded
        peer = request.remote or "unknown"
        if not self._named(peer).trusted:
            return peer
        hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",") if hop.strip()]
        return next((hop for hop in reversed(hops) if not self._named(hop).trusted), peer)

    def _client(self, request: web.BaseRequest) -> _Named:
        return self._named(self.client_of(request))

    def of_peer(self, host: str) -> str | None:
        """That of a connection whose request is not known yet; None for a trusted proxy's, which is of many clients."""
        named = self._named(host)
        return None if named.trusted else named.name

    def _name(self, address: str) -> _Named:
        try:
            known = ipaddress.ip_address(_without_port(address))
        except ValueError:
            return _Named(address[:100], trusted=False, seats_uncounted=False)
        if isinstance(known, ipaddress.IPv6Address) and known.ipv4_mapped is not None:
            known = known.ipv4_mapped
        trusted = any(known in network for network in self._trusted)
        uncounted = known.is_loopback or any(known in network for network in self._seats_uncounted)
        name = str(known)
        if isinstance(known, ipaddress.IPv6Address) and not known.is_loopback:
            name = str(ipaddress.ip_network((int(known), self._ipv6_prefix), strict=False))
        return _Named(name, trusted, uncounted)


def _without_port(address: str) -> str:
    """Some proxies write ``192.0.2.1:49152`` or ``[2001:db8::1]:49152``, with the port that the client came from."""
    with_port = _BRACKETED.fullmatch(address) or _IPV4_AND_PORT.fullmatch(address)
    return address if with_port is None else with_port[1]


class AddressRates:
    """A rate limit per address, as token buckets. Those not used for longest are dropped when there are many."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def take(self, address: str, at: int) -> int:
        """Count one request of an address at an instant (ms). Returns 0 within the rate, else milliseconds to wait."""
        bucket = self._buckets.get(address)
        if bucket is None:
            if len(self._buckets) >= _MOST_ADDRESSES:
                self._buckets.popitem(last=False)
            bucket = self._buckets[address] = TokenBucket(self._rate, at)
        else:
            self._buckets.move_to_end(address)
        return 0 if bucket.take(at) else bucket.wait(at)
