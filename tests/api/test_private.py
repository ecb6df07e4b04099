"""Private sessions over HTTP: by invitation, and to strangers as if there were none."""

from __future__ import annotations

import re

import pytest

from engine.api.http.endpoint import both_spellings
from engine.api.routes import ENDPOINTS
from tests.api.conftest import Server, refused

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGES = [
    ("GET", path)
    for path in ("/sessions/{session_id}", "/sessions/{session_id}/", "/sessions/join/{session_id}", "/wall/{session_id}",
                 "/sessions/{session_id}/event.ics", "/sessions/{session_id}/index.html")
]  # fmt: skip
OF_A_SESSION = sorted(
    {
        (endpoint.method, path)
        for endpoint in ENDPOINTS
        for path in both_spellings(endpoint.path)
        if "{session_id}" in path
    }
    | set(PAGES)
)


async def test_a_stranger_is_answered_as_if_there_were_none(shared: Server) -> None:
    """On every path of a session: the same status, the same words, with no credential and with a wrong one."""
    await shared.create("hidden-1", visibility="private")
    other = await shared.create("other-1")
    assert ("GET", "/api/v2/sessions/{session_id}") in OF_A_SESSION
    for method, path in OF_A_SESSION:
        for headers in ({}, shared.bearing(other["tokens"]["participant"]), shared.bearing("nonsense")):
            reply = []
            for session_id in ("hidden-1", "absent-1"):
                filled = re.sub(r"{\w+}", "x", path.replace("{session_id}", session_id))
                answer = await shared.stranger.request(method, filled, headers=headers)
                reply.append((answer.status_code, answer.text.replace(session_id, "it")))
            assert reply[0] == reply[1], (method, path)


@pytest.mark.parametrize(
    ("given", "access", "visibility"),
    [
        ({}, "open", "public"),
        ({"access": "invite"}, "invite", "private"),
        ({"visibility": "private"}, "invite", "private"),
        ({"visibility": "private", "access": "invite"}, "invite", "private"),
        ({"visibility": "unlisted"}, "open", "unlisted"),
        ({"visibility": "unlisted", "access": "invite"}, "invite", "unlisted"),
        ({"visibility": "public", "access": "invite"}, "invite", "public"),
    ],
)
async def test_private_is_by_invitation(
    shared: Server, given: dict[str, str], access: str, visibility: str
) -> None:
    """Each follows from the other where it is left out."""
    name = "-".join(["made", *given, *given.values()])
    room = await shared.create(name, **given)
    assert (room["access"], room["visibility"]) == (access, visibility)


async def test_private_and_open_is_refused(shared: Server) -> None:
    """On creation and on change, whether both are said or one of them stands already; nothing is changed."""
    body = {"session_id": "both", "visibility": "private", "access": "open"}
    made = await shared.client.post(
        "/api/v2/sessions/create",
        json={"title": "T", "instructor": "I", "scheduled_start": "2031-01-01T10:00:00Z", **body},
    )
    assert "invitation" in refused(made, 400)["visibility"]
    await shared.create("public-1")
    path = "/api/v2/sessions/public-1"
    both = await shared.client.patch(path, json={"visibility": "private", "access": "open"})
    assert "invitation" in refused(both, 400)["visibility"]
    hidden = await shared.client.patch(path, json={"visibility": "private"})
    assert (hidden.json()["access"], hidden.json()["visibility"]) == ("invite", "private")
    assert set(refused(await shared.client.patch(path, json={"access": "open"}), 400)) == {"access"}
    shown = await shared.client.patch(path, json={"access": "open", "visibility": "public"})
    assert (shown.json()["access"], shown.json()["visibility"]) == ("open", "public")
