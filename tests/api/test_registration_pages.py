"""The form on a session's page, one's own page, and what is behind the links in mails: all without scripts."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from bs4 import BeautifulSoup

from engine.storage.database import Row
from engine.storage.opening import database_of
from publisher.catalogue.published import Catalogue
from tests.api.conftest import Server, moment, running
from tests.api.test_registrations import come, listed

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def studio(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """A server whose studio sends mail; its publisher does nothing."""
    data = tmp_path_factory.mktemp("coming")
    (data / "studio.toml").write_text('name = "Breath Room"\nsender = "hello@example.org"\n')
    async with running(data, rate_requests_per_minute=0) as here:
        with database_of(data, None).connect() as connection:
            Catalogue(connection).set_meta("sends_mail", "yes")
        yield here


def rows(server: Server, statement: str, **values: Any) -> list[Row]:
    with database_of(server.data, None).connect() as connection:
        return connection.rows(statement, **values)


def token_of(server: Server, session_id: str) -> str:
    """What only the mail has."""
    (row,) = rows(server, "SELECT token FROM registrations WHERE session_id = :id", id=session_id)
    token: str = row["token"]
    return token


async def test_the_form_on_a_sessions_page_leads_to_ones_own_page(studio: Server) -> None:
    """Places left are said; one's own page has a way in, a calendar file, and cancels."""
    await studio.create("form", max_participants=2, scheduled_start=moment(days=3))
    page = (await studio.stranger.get("/sessions/form/")).text
    assert "2 places are left." in page
    assert 'action="/sessions/form/coming"' in page
    sent = await studio.stranger.post("/sessions/form/coming", data={"name": " Anna ", "address": ""})
    assert sent.status_code == 303
    own = sent.headers["Location"]
    shown = (await studio.stranger.get(own)).text
    assert "You come" in shown
    assert "/sessions/form/event.ics" in shown
    assert [each["name"] for each in await listed(studio, "form")] == ["Anna"]
    assert "One place is left." in (await studio.stranger.get("/sessions/form/")).text

    joined = await studio.stranger.get(f"{own}/join")
    path, _, fragment = joined.headers["Location"].partition("#")
    assert (joined.status_code, path) == (303, "/sessions/join/form")
    # The name that was given fills the field there.
    assert re.fullmatch(r"come=r1\.[^&]+&name=Anna", fragment)
    await studio.stranger.get(f"{own}/leave")
    assert len(await listed(studio, "form")) == 1
    for _ in range(2):
        assert "You have cancelled" in (await studio.stranger.post(f"{own}/leave")).text
    assert await listed(studio, "form") == []
    assert (await studio.stranger.get(own)).status_code == 404


async def test_who_waits_sees_their_position(studio: Server) -> None:
    """The button says what it does."""
    await studio.create("queue", max_participants=1, scheduled_start=moment(days=3))
    await come(studio, "queue")
    assert "Put me on the waiting list" in (await studio.stranger.get("/sessions/queue/")).text
    sent = await studio.stranger.post("/sessions/queue/coming", data={})
    assert "You are number 1." in (await studio.stranger.get(sent.headers["Location"])).text


async def test_only_the_mail_confirms_an_address(studio: Server) -> None:
    """By a POST behind its link; looking changes nothing, and one's own page cannot do it."""
    await studio.create("mail", scheduled_start=moment(days=3))
    sent = await studio.stranger.post("/sessions/mail/coming", data={"address": "anna@example.org"})
    token = token_of(studio, "mail")
    own = sent.headers["Location"]
    assert token not in (await studio.stranger.get(own)).text
    assert "Yes, remind me" not in (await studio.stranger.get(own)).text
    link = f"/coming/{token}"
    for _ in range(2):
        assert "Yes, remind me" in (await studio.stranger.get(link)).text
    assert not (await listed(studio, "mail"))[0]["reminded"]
    for _ in range(2):
        assert (await studio.stranger.post(link)).status_code == 200
    assert (await listed(studio, "mail"))[0]["reminded"]
    kinds = [row["kind"] for row in rows(studio, "SELECT kind FROM deliveries ORDER BY kind")]
    assert kinds == ["place_confirm", "place_day", "place_soon"]
    assert (
        (await studio.stranger.get(f"{link}/join/mail"))
        .headers["Location"]
        .startswith("/sessions/join/mail#come=")
    )

    assert "Your address is deleted" in (await studio.stranger.post(f"{link}/forget")).text
    assert len(await listed(studio, "mail")) == 1
    assert rows(studio, "SELECT * FROM deliveries") == []
    # From a page that was open before: nobody is promised a reminder that cannot be sent.
    late = (await studio.stranger.post(link)).text
    assert "Your address is deleted" in late
    assert "remind you" not in late
    assert "You have cancelled" in (await studio.stranger.post(f"{link}/leave/mail")).text
    assert await listed(studio, "mail") == []
    assert (await studio.stranger.get(link)).status_code == 404


@pytest.mark.parametrize(
    ("fields", "status"), [({"address": "nobody"}, 400), ({"extra": "x"}, 400), ({"name": "x" * 300}, 400)]
)
async def test_a_wrong_form_is_shown_again(studio: Server, fields: dict[str, str], status: int) -> None:
    """Nothing is stored."""
    if (await studio.client.get("/api/v2/sessions/wrong")).status_code == 404:
        await studio.create("wrong", scheduled_start=moment(days=3))
    answer = await studio.stranger.post("/sessions/wrong/coming", data=fields)
    assert answer.status_code == status
    assert "<form" in answer.text
    assert await listed(studio, "wrong") == []


async def test_a_form_that_is_shown_again_keeps_what_was_typed(studio: Server) -> None:
    """And says what is true of this session: here every place is taken."""
    await studio.create("again", max_participants=1, scheduled_start=moment(days=3))
    await come(studio, "again")
    typed = {"name": 'Anna "A" <Lee>', "address": "anna@example"}
    answer = await studio.stranger.post("/sessions/again/coming", data=typed)
    form = BeautifulSoup(answer.text, "html.parser")
    shown = {name: form.select_one(f"#coming input[name={name}]") for name in typed}
    assert {name: field and field["value"] for name, field in shown.items()} == typed
    assert "Put me on the waiting list" in answer.text
    assert "One place is left." not in answer.text


async def test_the_join_page_gets_the_form_or_ones_own_place(studio: Server) -> None:
    """In the reader's language; what is no language gets the studio's. A place that was cancelled leaves the form."""
    await studio.create("part", max_participants=1, scheduled_start=moment(days=3))
    path = "/sessions/part/coming"
    form = (await studio.stranger.get(f"{path}?lang=de")).text
    assert "Sag, dass du kommst" in form
    assert 'action="/sessions/part/coming"' in form
    assert "Say that you come" in (await studio.stranger.get(f"{path}?lang=../../de")).text
    await come(studio, "part")
    second = await come(studio, "part", address="bea@example.org")
    own = {"Authorization": f"Bearer {second['secret']}"}
    answer = await studio.stranger.get(path, headers=own)
    assert answer.headers["Cache-Control"] == "no-store"
    assert "You are number 1." in answer.text
    assert "We have written to your address." in answer.text
    assert f'data-registration="{second["registration"]}"' in answer.text
    leave = BeautifulSoup(answer.text, "html.parser").select_one("form")
    assert leave is not None
    assert "You have cancelled" in (await studio.stranger.post(str(leave["action"]))).text
    assert "All places are taken." in (await studio.stranger.get(path, headers=own)).text


async def test_who_has_the_token_of_a_closed_session_gets_its_form(studio: Server) -> None:
    """Nobody else does, and of a private one learns nothing; of one that is over there is none."""
    made = await studio.create("closed", visibility="private", scheduled_start=moment(days=3))
    token = {"Authorization": f"Bearer {made['tokens']['participant']}"}
    assert "<form" in (await studio.stranger.get("/sessions/closed/coming", headers=token)).text
    assert (await studio.stranger.get("/sessions/closed/coming")).status_code == 404
    await studio.create("guests", access="invite", visibility="unlisted", scheduled_start=moment(days=3))
    assert (await studio.stranger.get("/sessions/guests/coming")).text == ""
    await studio.client.post("/api/v2/sessions/closed/cancel")
    assert (await studio.stranger.get("/sessions/closed/coming", headers=token)).text == ""


async def test_a_private_session_has_no_form(studio: Server) -> None:
    """Its token is not in a form's request."""
    await studio.create("secret", visibility="private", scheduled_start=moment(days=3))
    assert (await studio.stranger.post("/sessions/secret/coming", data={})).status_code == 404
    await studio.create("invited", access="invite", visibility="unlisted", scheduled_start=moment(days=3))
    assert "/coming" not in (await studio.stranger.get("/sessions/invited/")).text
    assert (await studio.stranger.post("/sessions/invited/coming", data={})).status_code == 401


async def test_unknown_links_lead_to_nothing(studio: Server) -> None:
    """Whatever is asked of them."""
    for path in ("/coming/x", "/coming/x/join/y", "/coming/s/own/r1.x.y", "/coming/s/own/x/join"):
        assert (await studio.stranger.get(path)).status_code == 404
    for path in ("/coming/x", "/coming/x/forget"):
        assert (await studio.stranger.post(path)).status_code == 404
    for path in ("/coming/x/leave", "/coming/x/leave/y", "/coming/s/own/x/leave"):
        assert (await studio.stranger.post(path)).status_code == 200
