"""What a body may be, and how a refusal looks."""

from __future__ import annotations

import gzip
from typing import Any

import pytest

from tests.api.conftest import (
    KEY,
    LAST,
    Server,
    asking,
    content,
    creation,
    on_one_connection,
    refused,
    refused_over_wire,
)

# Most of these tests leave nothing behind: one server does for all.
pytestmark = pytest.mark.asyncio(loop_scope="module")

SUMMARY = "/api/v2/session-summary"
CREATE = "/api/v2/sessions/create"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{not json",
        b"[]",
        b"null",
        b'"text"',
        b"42",
        b'{"title":"\xff\xfe"}',
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b"[" * 200 + b"]" * 200,
        b"1" * 5000,
    ],
    ids=["empty", "broken", "list", "null", "text", "number", "latin", "deep", "lists", "long-number"],
)
@pytest.mark.parametrize("path", [SUMMARY, CREATE, "/api/v2/live-announce"])
async def test_a_body_that_is_no_object_is_refused(shared: Server, path: str, body: bytes) -> None:
    """Whatever it is, the answer is 400 in the one shape."""
    answer = await shared.client.post(path, content=body, headers={"Content-Type": "application/json"})
    assert refused(answer, 400)


async def test_a_body_over_one_mebibyte_is_too_large(shared: Server) -> None:
    """Said so whether its length is announced or not."""
    large = b'{"title": "' + b"x" * (1024 * 1024) + b'"}'

    async def in_pieces() -> Any:
        for start in range(0, len(large), 65536):
            yield large[start : start + 65536]

    assert refused(await shared.client.post(SUMMARY, content=large), 413)
    assert refused(await shared.client.post(SUMMARY, content=in_pieces()), 413)


@pytest.mark.parametrize(
    ("packing", "body"),
    [
        ("gzip", b"no gzip at all"),
        ("gzip", b"no gzip at all" * 30_000),
        ("gzip", gzip.compress(b'{"title": "x"}') + b"and more behind it"),
        ("deflate", b"\x78no deflate"),
    ],
    ids=["rubbish", "much-rubbish", "rubbish-behind", "deflate"],
)
@pytest.mark.parametrize("path", [CREATE, "/subscribe/", "/console/qr"])
async def test_a_body_that_cannot_be_unpacked_is_refused(
    shared: Server, path: str, packing: str, body: bytes
) -> None:
    """400 in the one shape, and the connection is closed as announced: nobody knows what follows on it."""
    key = f"Authorization: Bearer {KEY}"
    only, *rest = await on_one_connection(
        shared, asking(f"POST {path}", key, f"Content-Encoding: {packing}", body=body), LAST
    )
    assert refused_over_wire(only, 400).keys() == {"body"}
    assert b"Connection: close" in only
    assert rest == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v2/sessions/no-body/start"),
        ("POST", "/api/v2/session/no-body/cancel"),
        ("POST", "/api/v2/sessions/no-body/end"),
        ("POST", "/api/v2/sessions/no-body/drafts/email/approve"),
        ("POST", "/api/v2/sessions/no-body/drafts/email/withdraw"),
        ("POST", "/api/v2/publications/no-body/retry"),
        ("DELETE", "/api/v2/publications/no-body"),
        ("DELETE", "/api/v2/sessions/no-body/me"),
    ],
)
async def test_what_takes_no_body_takes_none(shared: Server, method: str, path: str) -> None:
    """A body that says something is refused before anything happens; an empty one and {} say nothing."""
    for body, status, field in (
        (b"{bad", 400, "body"),
        (b'{"foo": 1}', 400, "foo"),
        (b"[]", 400, "body"),
        (b" " * (1024 * 1024 + 5), 413, "body"),
    ):
        answer = await shared.client.request(method, path, content=body)
        assert refused(answer, status).keys() == {field}
    for body in (b"", b"{}"):
        # Whatever is wrong then, the body is not: there is no such session, and a key is nobody in it.
        assert (await shared.client.request(method, path, content=body)).status_code in (403, 404)
    # To a stranger the body is no matter.
    assert (await shared.stranger.request(method, path, content=b"{bad")).status_code in (401, 404)


async def test_a_refused_start_has_not_begun(shared: Server) -> None:
    """The room is as it was; with {} it begins."""
    await shared.create("strict-start")
    path = "/api/v2/sessions/strict-start/start"
    refused(await shared.client.post(path, json={"foo": 1}), 400)
    room = (await shared.client.get("/api/v2/sessions/strict-start")).json()
    assert room["active"] is False
    assert (await shared.client.post(path, json={})).json()["active"] is True


async def test_a_field_that_stands_twice_is_refused_by_name(shared: Server) -> None:
    """Nobody can know which of the two was meant."""
    body = b'{"title": "One", "title": "Two"}'
    assert "title" in refused(await shared.client.post(CREATE, content=body), 400)


async def test_every_mistake_is_told_at_once(shared: Server) -> None:
    """Wrong, missing and unknown fields together, each with its reason."""
    body = creation(title=5, max_participants="25", access="maybe", instructor=..., colour="red")
    assert refused(await shared.client.post(CREATE, json=body), 400).keys() == {
        "title",
        "max_participants",
        "access",
        "instructor",
        "colour",
    }


async def test_two_names_for_the_instructor_are_told_with_every_other_mistake(shared: Server) -> None:
    """When a session is made and when it is changed; the same name twice is one name."""
    wrong = {"instructor": "A", "instructor_name": "B", "title": "", "max_participants": 0, "foo": 1}
    await shared.create("two-names", instructor_name="Sarah Chen")
    for answer in (
        await shared.client.post(CREATE, json=creation("two-more-names", **wrong)),
        await shared.client.patch("/api/v2/sessions/two-names", json=wrong),
    ):
        assert refused(answer, 400).keys() == {"instructor", "title", "max_participants", "foo"}


@pytest.mark.parametrize(
    ("field", "raw"),
    [
        ("max_participants", "true"),
        ("max_participants", '"25"'),
        ("max_participants", "2.5"),
        ("max_participants", "NaN"),
        ("max_participants", "1e400"),
        ("max_participants", "-Infinity"),
        ("max_participants", "1" + "0" * 400),
        ("max_participants", "null"),
        ("chat", "1"),
        ("chat", '"true"'),
        ("title", '"\\ud800"'),
        ("title", '"a\\u0000b"'),
        ("title", '"two\\nlines"'),
        ("title", '"' + "t" * 201 + '"'),
        ("session_id", '"live"'),
        ("session_id", '"2024"'),
        ("session_id", '"index.html"'),
        ("session_id", '"../x"'),
        ("session_id", '"a\\n"'),
        ("scheduled_start", "1700000000"),
        ("scheduled_start", '"2026-02-30T10:00:00Z"'),
        ("scheduled_start", '"2026-W01-1"'),
        ("scheduled_start", '"9999-12-31T23:59:59-12:00"'),
        ("scheduled_start", '"0001-01-01T00:00:00+14:00"'),
        ("techniques", '["' + 'x","' * 10 + 'x"]'),
        ("techniques", '[""]'),
        ("techniques", '[{"technique": "Box Breathing", "duration": 0}]'),
        ("techniques", '[{"technique": "Box Breathing", "tempo": 3}]'),
        ("techniques", "[7]"),
        ("listen_url", '"http://example.org"'),
        ("listen_url", '"javascript:alert(1)"'),
        ("visibility", '"hidden"'),
    ],
)
async def test_a_wrong_value_is_refused_by_its_field(shared: Server, field: str, raw: str) -> None:
    """Types are strict, numbers finite, texts clean, bounds kept."""
    import json

    body = creation(**{field: "@"})
    text = json.dumps(body).replace('"@"', raw)
    details = refused(await shared.client.post(CREATE, content=text.encode()), 400)
    assert any(name.split(".")[0] == field for name in details), details


async def test_a_link_may_be_as_long_as_links_are(shared: Server) -> None:
    """2000 characters are taken, one more is refused by its field."""
    link = "https://call.example/" + "x" * (2000 - len("https://call.example/"))
    room = await shared.create("long-link", listen_url=link)
    assert room["listen_url"] == link
    body = creation("longer-link", listen_url=link + "x")
    assert refused(await shared.client.post(CREATE, json=body), 400) == {
        "listen_url": "must have at most 2000 characters"
    }


@pytest.mark.parametrize("count", [1, 1000, 25.0, 1e2])
async def test_a_whole_number_may_be_written_as_one(shared: Server, count: float) -> None:
    """JSON has one kind of number: 25.0 is 25."""
    room = await shared.create(f"room-{count}-{type(count).__name__}", max_participants=count)
    assert room["max_participants"] == int(count)


async def test_strange_names_come_back_without_harm(shared: Server) -> None:
    """A lone surrogate in a name is refused; markup in one comes back as data, not as a page."""
    assert refused(await shared.client.post(CREATE, content=b'{"\\ud800": 1}'), 400)
    answer = await shared.client.post(CREATE, content=b'{"<script>": 1}')
    assert "<script>" in refused(answer, 400)
    assert answer.headers["content-type"].startswith("application/json")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v2/session-summary", 405),
        ("DELETE", "/api/v2/sessions/live", 405),
        ("PUT", "/api/v2/sessions/create", 405),
        ("GET", "/api/v2/nope", 404),
        ("POST", "/api/v2/nope", 404),
        ("GET", "/api/v2/sessions/%00", 404),
        ("GET", "/api/v2/sessions/%ff", 404),
        ("GET", "/api/v2/sessions/..%2f..%2fetc", 404),
        ("GET", "/api/v2/sessions/" + "x" * 3000, 404),
        ("PATCH", "/api/v2/sessions/live", 404),
    ],
)
async def test_wrong_methods_and_addresses(shared: Server, method: str, path: str, status: int) -> None:
    """405 names what is possible, 404 what is not there; both in the one shape."""
    answer = await shared.client.request(method, path)
    refused(answer, status)
    assert ("allow" in answer.headers) == (status == 405)


@pytest.mark.parametrize(
    "path",
    [
        "/healthz",
        "/readyz",
        "/metrics",
        "/api/v2/sessions",
        "/api/v2/sessions/live?include_metrics=true",
        "/api/v2/session/looked-at/content",
        "/api/v2/sessions/looked-at/me",
        "/api/v2/publications/none",
        "/api/openapi.json",
        "/api/docs",
        "/console",
        "/subscribe/",
        "/nothing",
    ],
)
async def test_a_head_is_a_get_without_its_body(shared: Server, path: str) -> None:
    """The same status and kind of answer, and no byte behind it."""
    if (await shared.client.get("/api/v2/sessions/looked-at")).status_code == 404:
        await shared.create("looked-at")
    got, head = await shared.client.get(path), await shared.client.head(path)
    assert (head.status_code, head.content) == (got.status_code, b"")
    assert head.headers["content-type"] == got.headers["content-type"]
    if path != "/metrics":
        assert head.headers["content-length"] == got.headers["content-length"]


async def test_a_head_of_what_only_changes_things_is_refused(shared: Server) -> None:
    """405, as a GET of it is."""
    head = await shared.client.head("/api/v2/session-summary")
    assert (head.status_code, head.headers["allow"], head.content) == (405, "POST", b"")


@pytest.mark.parametrize(
    "query",
    [
        "include_metrics=perhaps",
        "include_metrics=",
        "colour=red",
        "include_metrics=true&include_metrics=false",
    ],
)
async def test_a_wrong_query_is_refused_by_name(shared: Server, query: str) -> None:
    """Unknown, unreadable and doubled parameters."""
    details = refused(await shared.client.get(f"/api/v2/sessions/live?{query}"), 400)
    assert query.split("=")[0] in details


async def test_every_answer_has_an_id_and_safe_headers(shared: Server) -> None:
    """Also a refusal; a caller's own id is kept when it is harmless."""
    answer = await shared.stranger.get("/api/v2/nope", headers={"X-Request-ID": "from-the-proxy-1"})
    assert answer.headers["x-request-id"] == "from-the-proxy-1"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    other = await shared.stranger.get("/healthz", headers={"X-Request-ID": "<script>"})
    assert len(other.headers["x-request-id"]) == 32


async def test_summary_content_reaches_its_bounds(shared: Server) -> None:
    """20,000 characters are taken, one more is refused by name."""
    fine = await shared.client.post(SUMMARY, json=content(content="x" * 20_000))
    assert fine.status_code == 200
    assert "content" in refused(await shared.client.post(SUMMARY, json=content(content="x" * 20_001)), 400)
