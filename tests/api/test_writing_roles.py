"""Who may write what of series, webhooks, the team and stories: every such endpoint by every role, on what is there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest
import pytest_asyncio

from engine.api.routes import ENDPOINTS
from engine.storage.keys import KeyRole, Keys
from engine.storage.opening import database_of
from tests.api.conftest import content, moment, running
from tests.api.team import API, Team
from tests.api.test_series import body as series_body
from tests.api.test_series import coming

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROLES = {
    "admin": "the administrator",
    "boss": "another administrator",
    "mara": "who made it",
    "cora": "an instructor who was invited",
    "alex": "an assistant who was invited",
    "ivy": "another instructor",
    "adam": "another assistant",
    "link": "an instructor's token that stands for nobody",
    "mara's": "the instructor's token of who made it",
    "alex's": "the instructor's token of an invited assistant",
    "guest": "a participant's token",
    "nobody": "nobody",
}
Wanted = tuple[int, ...]
_NUMBERS = count(1)


@dataclass(frozen=True, slots=True)
class Row:
    """A request, and the status for each of ``ROLES``. ``made``: what is made for each request, by what stands for it
    in the path."""

    method: str
    path: str
    wanted: Wanted
    body: Callable[[], Any] = lambda: None
    note: str = ""
    made: dict[str, Callable[[Team], Awaitable[str]]] = field(default_factory=dict)
    before: Callable[[Team], Awaitable[None]] | None = None

    @property
    def endpoint(self) -> str:
        """As the router has it."""
        path = self.path.replace("/publications/shared", "/publications/{id}").replace("/email", "/{channel}")
        path = path.replace("/shared/", "/{session_id}/").replace("/weekly", "/{series_id}")
        return f"{self.method} {path}"


async def _webhook(team: Team) -> str:
    url = "http://127.0.0.1:9/"  # Nobody listens there.
    made = await team.ask("admin", "POST", "/webhooks", json={"url": url, "events": ["session.started"]})
    return str(made.json()["id"])


async def _key(team: Team) -> str:
    name = f"Spare {next(_NUMBERS)}"
    assert (await team.ask("admin", "POST", "/keys", json={"name": name})).status_code == 201
    return name


async def _host(team: Team) -> str:
    invited = await team.ask("admin", "POST", "/sessions/shared/hosts", json={"name": "Zoe"})
    assert invited.status_code == 201
    return "Zoe"


async def _withdrawn(team: Team) -> None:
    withdrawn = await team.ask("admin", "POST", "/sessions/shared/drafts/email/withdraw")
    assert withdrawn.status_code == 200, withdrawn.text


async def _approved(team: Team) -> None:
    approved = await team.ask("admin", "POST", "/sessions/shared/drafts/email/approve")
    assert approved.status_code == 200, approved.text


async def _technique(team: Team) -> str:
    """The one that every row changes or removes, there anew where one before removed it."""
    body = {"name": "Calm Tide", "breath": [5, 0, 7, 0]}
    assert (await team.ask("admin", "POST", "/techniques", json=body)).status_code in (201, 409)
    return "calm-tide"


async def _made_series(team: Team) -> str:
    series_id = f"spare-{next(_NUMBERS)}"
    made = await team.ask("mara", "POST", "/series", json=series_body(series_id, rule="FREQ=MONTHLY;COUNT=1"))
    assert made.status_code == 201, made.text
    return series_id


def _new_series() -> Any:
    return series_body(f"new-{next(_NUMBERS)}", rule="FREQ=MONTHLY;COUNT=1")


def _summary(**changes: Any) -> Callable[[], Any]:
    return lambda: {**content("shared", session_date=moment(hours=-1)), "channels": ["web"], **changes}


#                   admin boss mara cora alex  ivy adam link mara's alex's guest nobody
_LEADERS: Wanted = (200, 200, 200, 200, 200, 404, 404, 200, 200, 200, 403, 401)
_DECIDES: Wanted = (200, 200, 200, 200, 403, 404, 404, 200, 200, 403, 403, 401)
# To nobody: this studio sends no mail.
_WRITES: Wanted = (409, 409, 409, 409, 403, 404, 404, 409, 409, 403, 403, 401)
# One's own address is that of one's key.
_TESTS: Wanted = (409, 409, 409, 409, 409, 404, 404, 403, 409, 409, 403, 401)
_INVITES: Wanted = (201, 201, 201, 201, 201, 404, 404, 201, 201, 201, 403, 401)
_WITH_KEY: Wanted = (200, 200, 200, 200, 403, 404, 403, 403, 403, 403, 403, 401)
_MAKERS: Wanted = (200, 200, 200, 404, 404, 404, 404, 403, 403, 403, 403, 401)
_MAKERS_MAKE: Wanted = (201, 201, 201, 404, 404, 404, 404, 403, 403, 403, 403, 401)
_ANY_KEY: Wanted = (201, 201, 201, 201, 201, 201, 201, 403, 403, 403, 403, 401)
# A technique has a page: it is for those who may publish, with a key.
_AUTHORS: Wanted = (201, 201, 201, 201, 403, 201, 403, 403, 403, 403, 403, 401)
_AUTHORS_CHANGE: Wanted = (200, 200, 200, 200, 403, 200, 403, 403, 403, 403, 403, 401)
_ADMINS: Wanted = (200, 200, *(403,) * 9, 401)
_ADMINS_MAKE: Wanted = (201, 201, *(403,) * 9, 401)

ROWS = (
    # A series is led by whoever made it: an invitation to one of its sessions is for that session.
    Row("POST", "/series", _ANY_KEY, _new_series),
    Row("PATCH", "/series/weekly", _MAKERS, lambda: {"title": "Every week"}),
    Row("POST", "/series/weekly/sessions", _MAKERS_MAKE, lambda: {"date": f"{coming(1 + 7 * 15)}"}),
    Row("POST", "/series/{series_id}/end", _MAKERS, made={"{series_id}": _made_series}),
    Row("POST", "/techniques", _AUTHORS, lambda: {"name": f"Tide {next(_NUMBERS)}x", "breath": [5, 0, 7, 0]}),
    Row("PUT", "/techniques/{slug}", _AUTHORS_CHANGE, lambda: {"name": "Calm Tide", "breath": [4, 0, 6, 0]}, made={"{slug}": _technique}),
    Row("DELETE", "/techniques/{slug}", _AUTHORS_CHANGE, made={"{slug}": _technique}),
    Row("POST", "/webhooks", _ADMINS_MAKE, lambda: {"url": "http://127.0.0.1:9/", "events": ["session.ended"]}),
    Row("DELETE", "/webhooks/{webhook_id}", _ADMINS, made={"{webhook_id}": _webhook}),
    Row("POST", "/webhooks/{webhook_id}/test", _ADMINS, made={"{webhook_id}": _webhook}),
    Row("POST", "/keys", _ADMINS_MAKE, lambda: {"name": f"New {next(_NUMBERS)}"}),
    Row("POST", "/keys/{name}/renew", _ADMINS, made={"{name}": _key}),
    Row("DELETE", "/keys/{name}", _ADMINS, made={"{name}": _key}),
    Row("POST", "/sessions/shared/hosts", _INVITES, lambda: {"name": "Yan"}),
    Row("DELETE", "/sessions/shared/hosts/{name}", _LEADERS, made={"{name}": _host}),
    Row(
        "PUT", "/sessions/shared/drafts/email", _LEADERS, lambda: {"subject": "Hello"},
        "not approved", before=_withdrawn,
    ),
    Row(
        "PUT", "/sessions/shared/drafts/email", _DECIDES, lambda: {"subject": "Hello again"},
        "approved", before=_approved,
    ),
    Row("POST", "/sessions/shared/drafts/email/approve", _DECIDES),
    Row("POST", "/sessions/shared/drafts/email/withdraw", _DECIDES),
    Row("POST", "/sessions/shared/drafts/email/preview", _LEADERS, lambda: {"subject": "Hello"}),
    Row("POST", "/sessions/shared/drafts/email/test", _TESTS),
    Row("POST", "/sessions/shared/letter", _WRITES, lambda: {"text": "Bring a blanket."}),
    Row("POST", "/session-summary", _LEADERS, _summary(), "preview"),
    # Publishing at once, again and withdrawing need a key.
    Row("POST", "/session-summary", _WITH_KEY, _summary(publish_immediately=True), "at once"),
    Row("POST", "/publications/shared/retry", _WITH_KEY),
    Row("DELETE", "/publications/shared", _WITH_KEY),
)  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def team(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Team]:
    """With its real publisher, the series ``weekly`` and the session ``shared``, whose story is published."""
    data = tmp_path_factory.mktemp("roles")
    async with running(data, None, rate_requests_per_minute=0, webhook_allow_private=True) as server:
        team = Team(server, {"admin": server.client.headers["Authorization"].removeprefix("Bearer ")})
        with closing(Keys(database_of(data, None))) as keys:
            for name, role in (
                ("Boss", KeyRole.ADMIN), ("Mara", KeyRole.INSTRUCTOR), ("Cora", KeyRole.INSTRUCTOR),
                ("Alex", KeyRole.ASSISTANT), ("Ivy", KeyRole.INSTRUCTOR), ("Adam", KeyRole.ASSISTANT),
                ("Yan", KeyRole.INSTRUCTOR), ("Zoe", KeyRole.INSTRUCTOR),
            ):  # fmt: skip
                team.secrets[name.lower()] = keys.create(name, 1, role)
        await team.make("mara", "shared")
        for name in ("Cora", "Alex"):
            invited = await team.ask("mara", "POST", "/sessions/shared/hosts", json={"name": name})
            assert invited.status_code == 201
        for who, name in (("admin", "link"), ("mara", "mara's"), ("alex", "alex's")):
            room = (await team.ask(who, "GET", "/sessions/shared")).json()
            team.secrets[name] = room["tokens"]["instructor"]
        team.secrets["guest"] = room["tokens"]["participant"]
        assert (await team.ask("mara", "POST", "/series", json=series_body("weekly"))).status_code == 201
        await published(team)
        yield team


async def published(team: Team) -> None:
    """The story of ``shared`` is there, with its drafts."""
    body = {**_summary(publish_immediately=True)(), "channels": ["web", "email"]}
    made = await team.ask("mara", "POST", "/session-summary", json=body, timeout=60)
    assert made.json()["status"] == "success", made.text


async def test_every_writing_endpoint_has_a_row() -> None:
    """A new one is thought of for every role."""
    rooms = (
        "/series",
        "/techniques",
        "/webhooks",
        "/keys",
        "/hosts",
        "/drafts",
        "/letter",
        "/publications",
        "/session-summary",
    )
    writing = {
        f"{each.method} {each.path.removeprefix(API)}"
        for each in ENDPOINTS
        if each.method != "GET"
        and any(room in each.path for room in rooms)
        and "/registrations" not in each.path
    }
    assert writing - {row.endpoint for row in ROWS} == {"POST /session-summary/batch"}
    assert all(len(row.wanted) == len(ROLES) for row in ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.endpoint} {row.note}".strip())
async def test_who_may_write(team: Team, row: Row) -> None:
    """Those who may not are asked first: what they were refused is there for those who may."""
    ordered = sorted(zip(ROLES, row.wanted, strict=True), key=lambda pair: -pair[1])
    given: dict[str, int] = {}
    for role, _ in ordered:
        path = row.path
        for name, make in row.made.items():
            path = path.replace(name, await make(team))
        if row.before is not None:
            await row.before(team)
        body = row.body()
        sent: dict[str, Any] = {} if body is None else {"json": body}
        answer = await team.ask(role, row.method, path, timeout=60, **sent)
        given[role] = answer.status_code
    assert given == dict(ordered)


async def test_a_batch_asks_for_each_of_its_summaries(team: Team) -> None:
    """As one alone does; one that is refused stands among the others."""
    body = [_summary(publish_immediately=True)(), _summary()(), {**_summary()(), "session_id": "nowhere"}]
    for role, wanted in (
        ("alex", ["refused", "preview", "preview"]),
        ("ivy", ["refused", "refused", "preview"]),
        ("mara's", ["refused", "preview", "refused"]),
        ("guest", ["refused", "refused", "refused"]),
    ):
        answer = await team.ask(role, "POST", "/session-summary/batch", json=body)
        assert [each["status"] for each in answer.json()["results"]] == wanted
    assert (await team.ask("nobody", "POST", "/session-summary/batch", json=body)).status_code == 401
