"""Everything out, and in again: elsewhere, where it came from, and as people change the file between."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.domain.instant import HOUR, MINUTE
from engine.domain.snapshot import Quote, Snapshot
from engine.storage.append_rows import write_rows
from engine.storage.journal import Append
from engine.storage.outbox import Outbox
from engine.storage.rows import UNFINISHED
from publisher import commands, importing
from publisher.catalogue.published import Catalogue
from publisher.catalogue.quotes import quote_key
from publisher.importing import Imported
from publisher.site import cards
from publisher.site.list_pages import SEARCH_FROM
from tests.publisher.samples import NOW, content, snapshot
from tests.publisher.site.test_series import in_series, text_of
from tests.publisher.studio_data import Publisher
from tests.storage.rows import room

KEPT, HIDDEN = Quote(text="Warm hands."), Quote(text="I slept.", name="Ada")


def quiet(_done: int, _total: int) -> None:
    """Progress that nobody watches."""


def exported(publisher: Publisher) -> list[dict[str, Any]]:
    """The lines of an export, as a file has them."""
    return [json.loads(json.dumps(line)) for line in commands.export(publisher.database)]


def take_in(publisher: Publisher, *lines: dict[str, Any] | str, replace: bool = False) -> Imported:
    """Import lines into a studio."""
    file = publisher.data / "lines.jsonl"
    file.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
    return commands.import_file(publisher.data, publisher.database, file, quiet, replace=replace)


@pytest.fixture
def studio(publisher: Publisher) -> Publisher:
    """A studio with a session led here, a summary, one that only a link leads to, and an old one."""
    publisher.publish(snapshot("led", quotes=(KEPT, HIDDEN)), ["web", "analytics"])
    publisher.catalogue.quotes.decide("led", quote_key(KEPT), "approved", NOW + 1)
    publisher.catalogue.quotes.decide("led", quote_key(HIDDEN), "withdrawn", NOW + 1)
    summary = snapshot("told", source="api", timeline=(), curves=(), quotes=(), content=None, place="room")
    publisher.publish(summary, ["web"], NOW + MINUTE)
    publisher.publish(snapshot("hidden", visibility="unlisted"), ["web"], NOW + 2 * MINUTE)
    publisher.publish(snapshot("old", source="import", session_date=NOW - 9000 * HOUR), ["web"], NOW + HOUR)
    return publisher


@pytest.fixture
def elsewhere(tmp_path: Path) -> Publisher:
    """Another studio, with nothing in it."""
    made = Publisher(tmp_path / "elsewhere")
    made.work()
    return made


def test_elsewhere_every_byte_is_the_same(studio: Publisher, elsewhere: Publisher) -> None:
    """Pages with replay and approved quotes, feeds with their dates and ids, archives: as they were. Munin#729."""
    assert take_in(elsewhere, *exported(studio)).counted() == ["new: 4 (lines 1–4)"]
    there, here = elsewhere.site(), studio.site()
    assert {path: digest for path, digest in there.items() if here.get(path) != digest} == {}
    assert here.keys() == there.keys()
    assert elsewhere.catalogue.quotes.states("led") == studio.catalogue.quotes.states("led")
    assert exported(elsewhere) == exported(studio)
    elsewhere.close()


def test_where_it_came_from_nothing_changes(studio: Publisher) -> None:
    """Writefreely#622: a round trip took timeline and replay off the page, without a word."""
    before = studio.site()
    assert take_in(studio, *exported(studio)).counted() == ["the same already: 4 (lines 1–4)"]
    assert studio.site() == before
    assert studio.outbox.unfinished() == 0


def test_a_story_of_a_series_keeps_its_zone_elsewhere(publisher: Publisher, elsewhere: Publisher) -> None:
    """Where nobody knows the series too. An older export, which does not say it, changes nothing where it came from."""
    in_series(publisher, "Asia/Kathmandu")
    publisher.publish(snapshot("told", series_id="evening"), ["web"])
    (line,) = exported(publisher)
    assert line["story"]["time_zone"] == "Asia/Kathmandu"
    assert take_in(elsewhere, line).published == 1
    assert "17:45 UTC+0545" in text_of(elsewhere, "sessions/told/index.html")
    assert exported(elsewhere) == [line]
    older = {**line, "story": {name: value for name, value in line["story"].items() if name != "time_zone"}}
    for again in (line, older):
        assert take_in(publisher, again).counted() == ["the same already: 1 (line 1)"]
    assert take_in(publisher, {**older, "title": "Mended"}).published == 1
    assert "17:45 UTC+0545" in text_of(publisher, "sessions/told/index.html")
    wrong = {**line, "story": {**line["story"], "time_zone": "Mars/Olympus"}}
    assert "time_zone" in take_in(elsewhere, wrong).refused[0]
    elsewhere.close()
    publisher.close()


def test_a_server_of_the_version_before_can_read_what_is_imported(publisher: Publisher) -> None:
    """Beside this one on a database, it refuses stories with parts that it does not know: a zone is stored where there is one."""
    assert take_in(publisher, content(session_id="told")).published == 1
    document = publisher.catalogue.document("told")
    assert document is not None
    assert '"origin":{' in document
    assert "time_zone" not in document
    publisher.close()


def test_what_was_recorded_here_is_not_replaced_by_less(studio: Publisher) -> None:
    """A line with the content alone is refused, and says what would go; with the flag it is taken."""
    line = content(session_id="led", title="Written again")
    before = studio.site()
    (refused,) = take_in(studio, line).refused
    assert refused.startswith("line 1: session_id: led was recorded here")
    assert all(part in refused for part in ("timeline", "curves", "quotes", "--replace"))
    assert studio.site() == before
    assert take_in(studio, line, replace=True).counted() == ["replaced: 1 (line 1)"]
    assert "Written again" in studio.read("sessions/led/index.html")


def test_words_can_be_mended_in_the_file(studio: Publisher) -> None:
    """Another title with everything else as it was replaces the page, and keeps its place, date and id."""
    line = next(each for each in exported(studio) if each["session_id"] == "led")
    assert take_in(studio, {**line, "title": "Mended"}).counted() == ["replaced: 1 (line 1)"]
    (now,) = (each for each in exported(studio) if each["session_id"] == "led")
    assert now["title"] == "Mended"
    assert {name: now[name] for name in ("published_at", "guid")} == {
        name: line[name] for name in ("published_at", "guid")
    }
    assert now["story"]["curves"] == line["story"]["curves"]
    assert now["story"]["quotes"] == line["story"]["quotes"]


def test_what_people_took_back_since_does_not_come_back(studio: Publisher) -> None:
    """A quote that its author withdrew after the export, in a session led here."""
    lines = exported(studio)
    with studio.catalogue.transaction():
        write_rows(studio.connection, Append("led", 0, (), room=room("led", phase="published")))
    studio.publish(snapshot("led", quotes=(HIDDEN,), version=2), ["web"], NOW + 2 * HOUR)
    (line,) = (each for each in lines if each["session_id"] == "led")
    assert take_in(studio, line).counted() == ["the same already: 1 (line 1)"]
    assert take_in(studio, {**line, "title": "Mended"}).published == 1
    assert KEPT.text not in (studio.data / "public/sessions/led/index.html").read_text()
    assert [
        quote["text"]
        for line in exported(studio)
        for quote in line["story"]["quotes"]
        if line["title"] == "Mended"
    ] == [HIDDEN.text]


RECORDED: dict[str, Any] = {
    "curves": (),
    "milestones": (),
    "achievements": (),
    "average_hrv_improvement": None,
    "average_rating": None,
}


def figures(publisher: Publisher, session_id: str = "led") -> dict[str, Any]:
    """The figures of a session that is published."""
    published = publisher.catalogue.snapshot(session_id)
    assert published is not None
    return {name: getattr(published, name) for name in RECORDED}


def lead(publisher: Publisher, phase: str = "published") -> None:
    """Give ``led`` the room that it was led in."""
    with publisher.catalogue.transaction():
        write_rows(publisher.connection, Append("led", 0, (), room=room("led", phase=phase)))


ANEW: list[dict[str, Any]] = [
    {"average_rating": None},
    {"curves": snapshot().curves[:60], "milestones": (), "average_hrv_improvement": 3.0},
    RECORDED,
]


def test_figures_computed_without_somebody_stay_so(studio: Publisher) -> None:
    """An older file brings nothing back of a participant who withdrew since, with the flag neither."""
    (line,) = (each for each in exported(studio) if each["session_id"] == "led")
    lead(studio)
    for version, now in enumerate(ANEW):
        told = snapshot("led", quotes=(KEPT, HIDDEN), version=2 + 2 * version, **now)
        studio.publish(told, ["web"], NOW + 2 * HOUR)
        left = figures(studio)
        assert take_in(studio, line).counted() == ["the same already: 1 (line 1)"]
        assert take_in(studio, {**line, "title": "Mended"}, replace=True).published == 1
        assert figures(studio) == left


def test_a_summary_over_a_session_takes_no_figures_of_people_from_a_file(studio: Publisher) -> None:
    """A later withdrawal would leave a summary as it is, so that they would stay."""
    (line,) = (each for each in exported(studio) if each["session_id"] == "led")
    lead(studio)
    bare = {"timeline": (), "quotes": (), **RECORDED, "average_hrv_improvement": 7.5}
    studio.publish(snapshot("led", source="api", version=2, **bare), ["web"], NOW + 2 * HOUR)
    assert take_in(studio, {**line, "title": "Mended"}, replace=True).published == 1
    assert figures(studio) == {**RECORDED, "average_hrv_improvement": 7.5}


def test_a_session_that_a_bare_line_replaced_gets_its_own_figures_back(studio: Publisher) -> None:
    """By the file that was exported before, as they are told by then."""
    (line,) = (each for each in exported(studio) if each["session_id"] == "led")
    lead(studio)
    before = figures(studio)
    take_in(studio, content(session_id="led"), replace=True)
    assert figures(studio)["curves"] == ()
    assert take_in(studio, line, replace=True).published == 1
    assert figures(studio) == before


def test_a_withdrawal_while_the_lines_are_read_stands(
    studio: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line was judged, and not stored yet, when its session was told anew."""
    (line,) = (each for each in exported(studio) if each["session_id"] == "led")
    lead(studio)
    queue = importing._queue

    def withdrawn_before(outbox: Outbox, catalogue: Catalogue, lines: list[Snapshot]) -> None:
        if lines:
            anew = snapshot("led", quotes=(), version=2, **RECORDED)
            studio.outbox.enqueue(anew, ["web"], NOW + 2 * HOUR)
        queue(outbox, catalogue, lines)

    monkeypatch.setattr(importing, "_queue", withdrawn_before)
    assert take_in(studio, {**line, "title": "Mended"}).published == 1
    assert figures(studio) == RECORDED


def test_a_session_that_is_not_over_is_not_imported(studio: Publisher) -> None:
    """Its end would publish over the line, or the line over its end; once it is over it may be."""
    (line,) = (each for each in exported(studio) if each["session_id"] == "led")
    before = studio.site()
    for phase in UNFINISHED:
        lead(studio, phase)
        (refused,) = take_in(studio, {**line, "title": "Mended"}, replace=True).refused
        assert refused == f"line 1: session_id: led is {phase} here, and a line is taken once it is over"
        assert studio.site() == before
    lead(studio, "ended")
    assert take_in(studio, {**line, "title": "Mended"}).published == 1


@pytest.mark.usefixtures("forked")
def test_the_cards_are_drawn_without_a_server(
    studio: Publisher, elsewhere: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of more sessions than are drawn before their pages, and of those that had another card before."""
    monkeypatch.setattr(cards, "AT_ONCE", 1)
    lines = exported(studio)
    take_in(elsewhere, *lines)
    assert elsewhere.catalogue.dirty.cards() == {}
    assert elsewhere.site() == studio.site()
    take_in(elsewhere, *({**line, "title": f"Mended {line['title']}"} for line in lines))
    assert elsewhere.catalogue.dirty.cards() == {}
    assert elsewhere.site() == elsewhere.rebuilt()
    elsewhere.close()


def test_the_search_is_made_without_a_server(elsewhere: Publisher) -> None:
    """From so many sessions on as the pages link to it; what is withdrawn is not found any more."""
    titles = {f"s-{number}": f"Lantern {number:02}" for number in range(SEARCH_FROM + 1)}
    lines = ({**content(session_id=session_id), "title": title} for session_id, title in titles.items())
    assert take_in(elsewhere, *lines).published == len(titles)
    assert elsewhere.has("search/index.html")
    assert all(title in elsewhere.searchable() for title in titles.values())
    commands.unpublish(elsewhere.data, elsewhere.database, "s-3")
    assert "Lantern 03" not in elsewhere.searchable()
    assert "Lantern 04" in elsewhere.searchable()
    elsewhere.close()


def test_the_summary_names_every_line(studio: Publisher) -> None:
    """How many were new, the same, replaced, refused and doubled, and which."""
    told = next(line for line in exported(studio) if line["session_id"] == "told")
    new = content(session_id="new", session_date="2019-05-01T10:00:00Z", published_at="2019-05-03T10:00:00Z")
    lines: list[dict[str, Any] | str] = [
        new,
        told,
        {**content(session_id="old"), "title": "Once more"},
        "{",
        new,
        content(session_id="NEW"),
    ]
    imported = take_in(studio, *lines, replace=True)
    assert imported.counted() == [
        "new: 1 (line 1)",
        "the same already: 1 (line 2)",
        "replaced: 1 (line 3)",
        "refused: 2 (lines 4, 6)",
        "doubled: 1 (line 5)",
    ]
    assert imported.refused[1] == "line 6: session_id: differs from new in line 1 by case alone"
    (now,) = (line for line in exported(studio) if line["session_id"] == "new")
    assert now["published_at"] == "2019-05-03T10:00:00.000Z"


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"published_at": "yesterday"}, "published_at: a date and time"),
    ({"guid": "x y"}, "guid: an address"),
    ({"content_id": "1"}, "content_id: a UUID"),
    ({"story": 7}, "story."),
    ({"story": {"curves": [{"t_s": -1, "participants": 1}]}}, "no session has"),
    ({"story": {"curves": [{"t_s": float("nan"), "participants": 1}]}}, "NaN"),
    ({"story": {"timeline": [{"technique": "a\u0007", "start_s": 0, "duration_s": 1}]}}, "control"),
    ({"story": {"ended_at": 0}}, "story.ended_at"),
    ({"story": {"unknown": 1}}, "story.unknown: unknown field"),
    ({"session_id": "LED"}, "differs from led by case alone"),
]


def test_a_line_that_is_wrong_is_refused_with_the_reason(studio: Publisher) -> None:
    """And changes nothing."""
    guid = next(line["guid"] for line in exported(studio) if line["session_id"] == "led")
    before = studio.site()
    lines = [content(session_id=f"x-{n}") | changed for n, (changed, _) in enumerate(WRONG)]
    refused = take_in(studio, *lines, content(session_id="y", guid=guid)).refused
    assert len(refused) == len(lines) + 1
    for line, (_, reason) in zip(refused, [*WRONG, ({}, "is another session's")], strict=True):
        assert reason in line
    assert studio.site() == before


def test_a_session_that_was_withdrawn_comes_back_by_its_file(studio: Publisher) -> None:
    """Whoever imports it wants it: at its old place, with its old id."""
    lines = exported(studio)
    studio.catalogue.withdraw("led", NOW + HOUR)
    studio.work(NOW + HOUR)
    counted = take_in(studio, *lines).counted()
    assert counted[0].startswith("new: 1")
    assert [(line["session_id"], line["guid"]) for line in exported(studio)] == [
        (line["session_id"], line["guid"]) for line in lines
    ]
