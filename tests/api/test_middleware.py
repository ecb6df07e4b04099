"""What every request passes: the rate of its address, and the state of the server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer, make_mocked_request
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from engine.api.http.addresses import _MOST_ADDRESSES, Addresses, AddressRates
from engine.api.http.csv_table import table
from engine.api.http.metrics import RequestMetrics
from engine.api.http.middleware import request_middleware
from engine.clock import Clock
from engine.domain.rejection import Unavailable
from engine.protocol.rates import Rate
from engine.storage.database import DatabaseLocked, DatabaseUnusable
from tests.api.conftest import KEY, Server, refused, running


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def test_too_many_requests_are_told_when_to_come_back(tmp_path: Path) -> None:
    """429 with Retry-After; health checks go on, and so do the files of the pages."""
    async with running(tmp_path, rate_requests_per_minute=6) as server:
        answers = [await server.stranger.get("/api/v2/sessions/live") for _ in range(8)]
        assert [answer.status_code for answer in answers] == [200] * 6 + [429] * 2
        refused(answers[-1], 429)
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 10
        for path in ("/healthz", "/readyz", "/static/live/api.js"):
            for _ in range(10):
                assert (await server.stranger.get(path)).status_code == 200


UPGRADE = {"Connection": "Upgrade", "Upgrade": "websocket"}


async def test_asking_for_a_socket_where_there_is_none_changes_nothing(server: Server) -> None:
    """The same refusals in the one shape, and the same headers, as without."""
    for method, path, status in (
        ("GET", "/api/v2/sessions", 401),
        ("GET", "/api/v2/nope", 404),
        ("GET", "/ws/nowhere", 404),
        ("DELETE", "/healthz", 405),
        ("POST", "/ws/live-updates", 405),
    ):
        headers = UPGRADE | {"Accept": "application/json"}
        answer = await server.stranger.request(method, path, headers=headers)
        refused(answer, status)
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_head_opens_no_socket(server: Server) -> None:
    """Nothing that can be read without its body is there."""
    handshake = UPGRADE | {"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    for path in ("/ws/live-updates?session_id=x", "/ws/session/x/events"):
        assert (await server.stranger.head(path, headers=handshake)).status_code == 404


async def test_asking_for_a_socket_is_counted_like_anything_else(tmp_path: Path) -> None:
    """The rate of an address holds whatever its headers say."""
    async with running(tmp_path, rate_requests_per_minute=6) as server:
        answers = [
            (await server.stranger.get("/api/v2/sessions/live", headers=UPGRADE)).status_code
            for _ in range(8)
        ]
        assert answers == [200] * 6 + [429] * 2


async def test_a_draining_server_takes_nothing_new(clock: Clock) -> None:
    """Reads go on until the end; writes are told to come again, in the one shape."""
    state: list[str | None] = [None]
    middleware = request_middleware(
        clock=clock,
        ready=lambda: state[0],
        rates=AddressRates(Rate(0)),
        addresses=Addresses(),
        metrics=RequestMetrics(CollectorRegistry()),
    )

    async def fine(_: web.Request) -> web.Response:
        return web.Response(text="fine")

    app = web.Application(middlewares=[middleware])
    app.router.add_route("*", "/", fine)
    async with TestClient(TestServer(app)) as client:
        assert (await client.post("/")).status == 200
        state[0] = "draining"
        for headers in ({}, UPGRADE):
            refusal = await client.post("/", headers=headers)
            assert (refusal.status, (await refusal.json())["error"]) == (503, "draining")
            assert "Retry-After" in refusal.headers
        assert (await client.get("/")).status == 200


@pytest.mark.parametrize(
    ("failure", "status", "error"),
    [
        (KeyError, 500, "internal_error"),
        (DatabaseLocked, 503, "busy"),
        (DatabaseUnusable, 503, "storage_failed"),
        (lambda _: Unavailable("storage_failed", "The session's log cannot be read."), 503, "storage_failed"),
    ],
)
async def test_what_breaks_inside_is_a_sentence_outside(
    clock: Clock, failure: Callable[[str], Exception], status: int, error: str
) -> None:
    """A bug is 500, a locked or broken database 503; in the one shape, without a word of the code."""

    async def broken(_: web.Request) -> web.Response:
        raise failure("/secret/path.py")

    middleware = request_middleware(
        clock=clock,
        ready=lambda: None,
        rates=AddressRates(Rate(0)),
        addresses=Addresses(),
        metrics=RequestMetrics(CollectorRegistry()),
    )
    app = web.Application(middlewares=[middleware])
    app.router.add_get("/", broken)
    async with TestClient(TestServer(app)) as client:
        answer = await client.get("/")
        assert (answer.status, (await answer.json())["error"]) == (status, error)
        assert "secret" not in await answer.text()
        assert ("Retry-After" in answer.headers) == (status == 503)


async def test_zero_is_no_limit(tmp_path: Path) -> None:
    """A server behind something else that limits."""
    async with running(tmp_path, rate_requests_per_minute=0) as server:
        answers = [(await server.stranger.get("/api/v2/sessions/live")).status_code for _ in range(100)]
        assert set(answers) == {200}


def test_addresses_are_counted_apart_and_forgotten() -> None:
    """One address does not use up another's rate; the memory for them is bounded."""
    rates = AddressRates(Rate(60, 1))
    assert rates.take("a", 0) == 0
    assert rates.take("a", 0) > 0
    assert rates.take("b", 0) == 0
    for number in range(_MOST_ADDRESSES + 1000):
        rates.take(f"visitor {number}", 1)
    assert len(rates._buckets) == _MOST_ADDRESSES


def test_an_address_costs_the_same_among_thousands() -> None:
    """Whoever was not heard of longest is forgotten: nobody is looked for, and those who go on keep their count."""
    rates = AddressRates(Rate(60, 1))
    for number in range(3 * _MOST_ADDRESSES):
        rates.take(f"visitor {number}", number)
        rates.take("regular", 0)
    assert rates.take("regular", 0) > 0
    assert next(iter(rates._buckets)) == f"visitor {2 * _MOST_ADDRESSES + 1}"


@pytest.mark.parametrize(
    ("peer", "prefix", "expected"),
    [
        ("2001:db8:1:2:3:4:5:6", 64, "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", 64, "2001:db8:1:2::/64"),
        ("2001:db8:1:2:3:4:5:6", 48, "2001:db8:1::/48"),
        ("2001:db8:1:2:3:4:5:6", 128, "2001:db8:1:2:3:4:5:6/128"),
        ("::ffff:203.0.113.5", 64, "203.0.113.5"),
        ("203.0.113.5", 64, "203.0.113.5"),
        ("::1", 64, "::1"),
        ("nobody", 64, "nobody"),
    ],
)
def test_an_ipv6_address_counts_by_its_network(peer: str, prefix: int, expected: str) -> None:
    """Whoever has one address of a /64 has all of them; IPv4 in IPv6 is the IPv4 address."""
    request = make_mocked_request("GET", "/").clone(remote=peer)
    assert Addresses((), prefix).of(request) == expected
    behind = make_mocked_request("GET", "/", headers={"X-Forwarded-For": peer}).clone(remote="10.0.0.9")
    assert Addresses(("10.0.0.9",), prefix).of(behind) == expected


@pytest.mark.parametrize(
    ("peer", "forwarded", "trusted", "expected"),
    [
        ("10.0.0.9", "", ("10.0.0.0/8",), "10.0.0.9"),
        ("10.0.0.9", "203.0.113.5", ("10.0.0.0/8",), "203.0.113.5"),
        ("10.0.0.9", "6.6.6.6, 203.0.113.5, 10.0.0.3", ("10.0.0.0/8",), "203.0.113.5"),
        ("203.0.113.7", "6.6.6.6", ("10.0.0.0/8",), "203.0.113.7"),
        ("203.0.113.7", "6.6.6.6", (), "203.0.113.7"),
        ("10.0.0.9", "203.0.113.5:49152", ("10.0.0.0/8",), "203.0.113.5"),
        ("10.0.0.9", "203.0.113.5:49152, 10.0.0.3:80", ("10.0.0.0/8",), "203.0.113.5"),
        ("10.0.0.9", "[2001:db8::5]:49152", ("10.0.0.0/8",), "2001:db8::/64"),
        ("10.0.0.9", "[2001:db8::5]", ("10.0.0.0/8",), "2001:db8::/64"),
        ("10.0.0.9", "[::ffff:203.0.113.5]:49152", ("10.0.0.0/8",), "203.0.113.5"),
        ("10.0.0.9", "elsewhere:49152", ("10.0.0.0/8",), "elsewhere:49152"),
    ],
)
def test_only_a_trusted_proxy_says_who_asks(
    peer: str, forwarded: str, trusted: tuple[str, ...], expected: str
) -> None:
    """Anybody can send the header; what stands before the last untrusted address is hearsay.

    Some proxies write the client's port behind it, which is another one for each connection.
    """
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    request = make_mocked_request("GET", "/", headers=headers).clone(remote=peer)
    assert Addresses(trusted).of(request) == expected


async def test_health_readiness_and_metrics(server: Server) -> None:
    """Three plain answers; the metrics know the routes and no ids."""
    assert (await server.stranger.get("/healthz")).json() == {"status": "ok"}
    assert (await server.stranger.get("/readyz")).json() == {"status": "ready"}
    await server.create("one-of-many")
    await server.client.get("/api/v2/sessions/one-of-many")
    metrics = await server.stranger.get("/metrics")
    assert metrics.headers["content-type"].startswith("text/plain")
    assert 'route="/api/v2/sessions/{session_id}"' in metrics.text
    assert "one-of-many" not in metrics.text


async def test_no_secret_reaches_the_log(server: Server, capfd: pytest.CaptureFixture[str]) -> None:
    """Neither from headers, nor from queries, nor from the links of mails."""
    room = await server.create()
    token = room["tokens"]["instructor"]
    resume = server.resume("morning", "ann")["Authorization"].removeprefix("Bearer ")
    await server.stranger.get("/api/v2/sessions/morning", headers=server.bearing(token))
    await server.stranger.get(f"/api/v2/sessions/morning?token={token}&resume={resume}")
    await server.stranger.get("/unsubscribe/a-token-of-a-mail")
    await server.stranger.get("/api/v2/sessions/morning/me", headers=server.bearing(resume))

    out, err = capfd.readouterr()
    assert "/api/v2/sessions/morning" in out + err
    for secret in (KEY, token, resume, "a-token-of-a-mail"):
        assert secret not in out + err


SECRET = "Zk3_9vQ-0aBcDeFgHiJkLmNoPqRsTuVw"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"/confirm/{SECRET}"),
        ("PUT", f"/confirm/{SECRET}"),
        ("DELETE", f"/unsubscribe/{SECRET}/"),
        ("OPTIONS", f"/unsubscribe/{SECRET}"),
        ("GET", f"/unsubscribe/{SECRET}/extra"),
        ("GET", f"/Unsubscribe/{SECRET}"),
        ("GET", f"/un-subscribe/{SECRET}"),
        ("GET", f"/unsubcribe/{SECRET}"),
        ("GET", f"/confirm%2F{SECRET}"),
        ("GET", f"/confirm%252F{SECRET}"),
        ("GET", f"//confirm//{SECRET}"),
        ("GET", f"/sessions/confirm/{SECRET}"),
        ("POST", f"/confirmed/{SECRET}"),
        ("GET", f"/subscribe/{SECRET}"),
        ("GET", f"/{SECRET}"),
        ("GET", f"/x/y/{SECRET}."),
        ("GET", f"/confirm/short/{SECRET}"),
        ("GET", "/confirm/Zk3_9vQ"),
        ("GET", "/Confirm/Zk3_9vQ"),
        ("PUT", "/unsubscribe/Zk3_9vQ"),
        ("GET", f"/coming/{SECRET}"),
        ("POST", f"/coming/{SECRET}/leave"),
        ("GET", f"/coming/evening/own/{SECRET}/join"),
        ("DELETE", f"/coming/evening/own/{SECRET}"),
        ("GET", "/coming/Zk3_9vQ/nothing"),
        ("GET", "/coming%2FZk3_9vQ"),
        ("GET", "/coming/evening/owns/Zk3_9vQ"),
    ],
)
@pytest.mark.asyncio(loop_scope="module")
async def test_a_link_of_a_mail_is_never_logged(
    shared: Server, method: str, path: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Not after a 405, a 404 or a near miss either; that there was a request is."""
    await shared.stranger.request(method, path)
    said = "".join(capfd.readouterr())
    assert f"method={method}" in said
    assert "Zk3_9vQ" not in said


@pytest.mark.asyncio(loop_scope="module")
async def test_what_is_missing_is_still_found_in_the_log(
    shared: Server, capfd: pytest.CaptureFixture[str]
) -> None:
    """Paths without a secret are logged as they were asked for."""
    for path in (
        "/no/such/page",
        "/sessions/a-session-with-quite-a-long-name/",
        "/subscribe/",
        "/api/v2/nothing",
    ):
        await shared.stranger.get(path)
        assert f"path={path}" in "".join(capfd.readouterr())


@given(st.lists(st.lists(st.one_of(st.none(), st.integers(), st.text()), min_size=2, max_size=2)))
def test_no_cell_is_a_formula(lines: list[list[object]]) -> None:
    """Whatever was typed in, a spreadsheet takes it for text."""
    import csv
    import io

    text = table(("a", "b"), lines)
    for row, given_line in zip(list(csv.reader(io.StringIO(text, newline="")))[1:], lines, strict=False):
        for cell, value in zip(row, given_line, strict=False):
            if isinstance(value, str):
                assert not cell.startswith(("=", "+", "-", "@"))
