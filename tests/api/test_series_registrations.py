"""The form on the page of a series, and one's own page with every date: all without scripts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from bs4 import BeautifulSoup, Tag

from engine.storage.opening import database_of
from publisher.catalogue.published import Catalogue
from tests.api.conftest import Server, running
from tests.api.test_series import make

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def studio(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """A server whose studio sends mail; its publisher does nothing."""
    data = tmp_path_factory.mktemp("series")
    (data / "studio.toml").write_text('name = "Breath Room"\nsender = "hello@example.org"\n')
    async with running(data, rate_requests_per_minute=0) as here:
        with database_of(data, None).connect() as connection:
            Catalogue(connection).set_meta("sends_mail", "yes")
        yield here


async def own_page_of(server: Server, series_id: str, **fields: str) -> tuple[str, BeautifulSoup]:
    """Send the form; the address of one's own page, and the page."""
    sent = await server.stranger.post(f"/series/{series_id}/coming", data=fields)
    assert sent.status_code == 303, sent.text
    own = sent.headers["Location"]
    assert own.startswith(f"/series/{series_id}/own/r1.")
    shown = await server.stranger.get(own)
    assert shown.status_code == 200
    return own.partition("?")[0], BeautifulSoup(shown.text, "html.parser")


async def coming(server: Server, session_id: str) -> list[dict[str, Any]]:
    """Who comes to one session."""
    answer = await server.client.get(f"/api/v2/sessions/{session_id}/registrations")
    registrations: list[dict[str, Any]] = answer.json()["registrations"]
    return registrations


async def test_somebody_comes_every_time_and_leaves_one_date_out(studio: Server) -> None:
    """The form leads to a page with every date; one is cancelled there, later all, and both may be repeated."""
    made = await make(studio, "weekly", rule="FREQ=WEEKLY;COUNT=3")
    first, second, third = (each["session_id"] for each in made["sessions"])
    page = BeautifulSoup((await studio.stranger.get("/series/weekly/")).text, "html.parser")
    form = page.select_one("#coming form")
    assert isinstance(form, Tag)
    assert form["action"] == "/series/weekly/coming"
    assert {str(field["name"]) for field in form.select("input")} == {"name", "address"}

    own, shown = await own_page_of(studio, "weekly", name="Anna", address="")
    assert shown.h1 is not None
    assert shown.h1.text == "You come"
    assert len(shown.select("h2 time")) == 3
    assert [len(await coming(studio, each)) for each in (first, second, third)] == [1, 1, 1]
    joined = await studio.stranger.get(f"{own}/join/{first}")
    assert joined.headers["Location"].startswith(f"/sessions/join/{first}#come=r1.")

    await studio.stranger.get(f"{own}/leave/{second}")
    assert len(await coming(studio, second)) == 1
    for _ in range(2):
        assert "You have cancelled" in (await studio.stranger.post(f"{own}/leave/{second}")).text
    assert [len(await coming(studio, each)) for each in (first, second, third)] == [1, 0, 1]
    again = BeautifulSoup((await studio.stranger.get(own)).text, "html.parser")
    assert len(again.select("h2 time")) == 2

    for _ in range(2):
        assert "You have cancelled" in (await studio.stranger.post(f"{own}/leave")).text
    assert [len(await coming(studio, each)) for each in (first, second, third)] == [0, 0, 0]
    assert (await studio.stranger.get(own)).status_code == 404


async def test_an_address_is_asked_to_confirm_once(studio: Server) -> None:
    """One mail for the whole series; the page says that it was written to."""
    await make(studio, "mailed", rule="FREQ=WEEKLY;COUNT=3")
    sent = await studio.stranger.post("/series/mailed/coming", data={"address": "anna@example.org"})
    assert "We have written to your address." in (await studio.stranger.get(sent.headers["Location"])).text
    with database_of(studio.data, None).connect() as connection:
        kinds = [
            row["kind"]
            for row in connection.rows("SELECT kind FROM deliveries WHERE session_id LIKE 'mailed-%'")
        ]
    assert kinds == ["place_confirm"]


async def test_who_waits_for_a_date_reads_it_there(studio: Server) -> None:
    """Where the places of a session are taken, its date has the position."""
    await make(studio, "small", rule="FREQ=WEEKLY;COUNT=2", max_participants=1)
    await own_page_of(studio, "small", name="Anna")
    _, shown = await own_page_of(studio, "small", name="Ben")
    assert shown.text.count("You are number 1.") == 2


async def test_a_wrong_form_is_shown_again_with_what_was_typed(studio: Server) -> None:
    """Nothing is stored."""
    made = await make(studio, "wrong", rule="FREQ=WEEKLY;COUNT=2")
    answer = await studio.stranger.post("/series/wrong/coming", data={"name": "Anna", "address": "nobody"})
    assert answer.status_code == 400
    field = BeautifulSoup(answer.text, "html.parser").select_one("#coming input[name=address]")
    assert field is not None
    assert field["value"] == "nobody"
    assert await coming(studio, made["sessions"][0]["session_id"]) == []


@pytest.mark.parametrize(
    ("closed", "status"),
    [({"visibility": "private"}, 404), ({"access": "invite", "visibility": "unlisted"}, 401)],
    ids=["private", "by invitation"],
)
async def test_a_closed_series_has_no_form(studio: Server, closed: dict[str, str], status: int) -> None:
    """Its token or key is in no form's request."""
    series_id = f"closed-{closed['visibility']}"
    await make(studio, series_id, rule="FREQ=WEEKLY;COUNT=2", **closed)
    assert "/coming" not in (await studio.stranger.get(f"/series/{series_id}/")).text
    assert (await studio.stranger.post(f"/series/{series_id}/coming", data={})).status_code == status


async def test_a_series_that_has_ended_has_no_form(studio: Server) -> None:
    """A form that was open before is answered with that."""
    await make(studio, "ended", rule="FREQ=WEEKLY;COUNT=2")
    await studio.client.post("/api/v2/series/ended/end")
    assert "/coming" not in (await studio.stranger.get("/series/ended/")).text
    late = await studio.stranger.post("/series/ended/coming", data={"name": "Anna"})
    assert late.status_code == 409
    assert "No date is set at the moment." in late.text


async def test_secrets_of_others_lead_to_nothing(studio: Server) -> None:
    """One of another series, of a session, or none at all."""
    await make(studio, "one", rule="FREQ=WEEKLY;COUNT=2")
    await make(studio, "two", rule="FREQ=WEEKLY;COUNT=2")
    own, _ = await own_page_of(studio, "one", name="Anna")
    secret = own.rpartition("/")[2]
    for path in (f"/series/two/own/{secret}", "/series/one/own/x", "/series/nothing/own/x"):
        assert (await studio.stranger.get(path)).status_code == 404
        assert (await studio.stranger.get(f"{path}/join/one-1")).status_code == 404
        assert (await studio.stranger.post(f"{path}/leave")).status_code == 200
    assert (await studio.stranger.get(own)).status_code == 200
