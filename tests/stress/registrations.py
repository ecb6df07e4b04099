"""A storm of registrations through a proxy, to a real server with a real mail server: ``python -m tests.stress.registrations``.

Exit status 0 when as many letters came as may, to each address one, and none besides.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import httpx
from pydantic import SecretStr

from engine.domain.instant import HOUR
from engine.storage.opening import database_of
from tests.api.conftest import Server, moment, running
from tests.realtime.hand_clock import HandClock
from tests.soak.letters import Letters, mail_server

__all__ = ["AN_HOUR_AND_NETWORK", "A_DAY_AND_MAILBOX", "Outcome", "storm"]

NETWORKS, ADDRESSES = 50, 1000
AN_HOUR_AND_NETWORK = 10
"""Registrations with an address (contract, §8)."""
A_DAY_AND_MAILBOX = 5
ALIASES = 20
"""Addresses of one mailbox, each from a network address of its own."""
_REGISTRATIONS = "/api/v2/sessions/evening/registrations"
_AT_ONCE = 20
_WAITING = "SELECT count(*) FROM deliveries WHERE state IN ('preparing', 'submitting')"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of it: of each address the answer, of each letter to whom."""

    asked: dict[str, httpx.Response]
    letters: dict[str, int]
    """How many the addresses got."""
    of_mailbox: dict[str, int]
    """How many the aliases of the one mailbox got afterwards."""
    subjects: set[str]
    an_hour_later: httpx.Response
    seconds: float

    @property
    def taken(self) -> set[str]:
        """The addresses that were registered."""
        return {address for address, answer in self.asked.items() if answer.status_code == 201}

    @property
    def faults(self) -> list[str]:
        """What is not as it should be."""
        refused = [self.asked[address] for address in self.asked.keys() - self.taken]
        checks = {
            "an answer is neither 201 nor 429": all(answer.status_code == 429 for answer in refused),
            "a refusal does not say how long to wait": all(
                0 < int(answer.headers["Retry-After"]) <= 3600 for answer in refused
            ),
            "an address that was taken got no letter, or two, or another one got any": self.letters
            == dict.fromkeys(self.taken, 1),
            "one mailbox got too many or too few": sum(self.of_mailbox.values()) == A_DAY_AND_MAILBOX,
            "another letter than the one that asks to confirm was sent": self.subjects
            == {"Please confirm: Morning Mindfulness"},
            "an hour later nobody is taken": self.an_hour_later.status_code == 201,
        }
        return [fault for fault, right in checks.items() if not right]


async def storm(data: Path, networks: int, addresses: int) -> Outcome:
    """Register so many addresses from so many network addresses at the same time, then one mailbox by many names."""
    began = time.monotonic()
    (data / "studio.toml").write_text('name = "Breath Room"\nsender = "hello@example.org"\n')
    clock = HandClock(start=time.time_ns() // 1_000_000)
    async with mail_server() as letters:
        given = {"smtp_url": SecretStr(letters.url), "trusted_proxies": ("127.0.0.1",)}
        async with running(data, None, clock=clock, **given) as server:
            await server.create("evening", scheduled_start=moment(days=3), max_participants=1000)
            ways = {f"p{number}@example.org": _way(number, networks) for number in range(addresses)}
            asked = await _registered(server, ways)
            taken = sum(answer.status_code == 201 for answer in asked.values())
            await _everything_sent(data, letters, taken)
            got = Counter(letters.recipients)
            aliases = {f"anna+{number}@example.org": f"192.0.2.{number}" for number in range(ALIASES)}
            await _registered(server, aliases)
            await _everything_sent(data, letters, taken + A_DAY_AND_MAILBOX)
            of_mailbox = letters.recipients - got
            subjects = set(letters.taken)
            clock.jump(HOUR)
            late = await _register(server, "late@example.org", _way(0, networks))
    return Outcome(asked, dict(got), dict(of_mailbox), subjects, late, time.monotonic() - began)


def _way(number: int, networks: int) -> str:
    """What the proxy says of a request: each network has many hosts (IPv6), or says whatever it likes itself (IPv4)."""
    network, host = number % networks, number // networks
    if network % 2:
        return f"2001:db8:0:{network:x}::{host + 1:x}"
    return f"198.51.100.{host + 1}, 203.0.113.{network}"


async def _registered(server: Server, ways: dict[str, str]) -> dict[str, httpx.Response]:
    """The answer to each address."""
    doors = asyncio.Semaphore(_AT_ONCE)

    async def ask(address: str, way: str) -> tuple[str, httpx.Response]:
        async with doors:
            return address, await _register(server, address, way)

    return dict(await asyncio.gather(*(ask(address, way) for address, way in ways.items())))


async def _register(server: Server, address: str, way: str) -> httpx.Response:
    return await server.stranger.post(
        _REGISTRATIONS, json={"address": address}, headers={"X-Forwarded-For": way}
    )


async def _everything_sent(data: Path, letters: Letters, least: int) -> None:
    """So many letters came, and none waits."""
    with database_of(data, None).connect() as connection:
        async with asyncio.timeout(120):
            while letters.taken.total() < least or connection.value(_WAITING):  # noqa: ASYNC110 — of another process
                await asyncio.sleep(0.05)


def main() -> int:
    """A thousand addresses from fifty network addresses; 1 when a letter is missing or too many."""
    with tempfile.TemporaryDirectory() as folder:
        outcome = asyncio.run(storm(Path(folder), NETWORKS, ADDRESSES))
    allowed = NETWORKS * AN_HOUR_AND_NETWORK
    faults = outcome.faults
    if len(outcome.taken) != allowed:
        faults.append(f"{len(outcome.taken)} were registered, and {allowed} may be")
    sys.stdout.write(
        f"{ADDRESSES} addresses from {NETWORKS} network addresses in {outcome.seconds:.1f} s: "
        f"{len(outcome.taken)} registered, {ADDRESSES - len(outcome.taken)} refused, {sum(outcome.letters.values())} letters.\n"
        f"{ALIASES} names of one mailbox: {sum(outcome.of_mailbox.values())} letters.\n"
    )
    sys.stdout.writelines(f"{fault}\n" for fault in faults)
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
