"""Cards stay where nothing in them changed, and many that change follow their pages."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from publisher.rendering import card
from publisher.rendering.card_drawing import CardTexts, digest_of, draw, drawn_of
from publisher.site import cards
from publisher.site.card_workers import CardWorkers
from tests.publisher.samples import NOW, snapshot
from tests.publisher.studio_data import Publisher

SESSIONS = [f"s-{n}" for n in range(5)]
DAY = 24 * 60 * 60 * 1000
TEXTS = CardTexts("Studio", "Evening", "25 people", "Box Breathing", "21 March 2024", "s-1")


@pytest.fixture
def led(publisher: Publisher, monkeypatch: pytest.MonkeyPatch) -> Publisher:
    """A studio with a few sessions that have cards of their own; two cards are drawn at once at most.

    By processes that import first, so that a round ends before them: forks would have drawn all.
    """
    for number, session_id in enumerate(SESSIONS):
        publisher.publish(snapshot(session_id, session_date=NOW - number * DAY), ["web"])
    monkeypatch.setattr(cards, "AT_ONCE", 2)
    return publisher


def rename(publisher: Publisher, name: str) -> None:
    """Give the studio another name, which stands on every page and card, and do one round."""
    (publisher.data / "studio.toml").write_text(f'name = "{name}"\n', encoding="utf-8")
    publisher.work()


def card_files(publisher: Publisher) -> dict[str, bytes]:
    """The card of each session on the site."""
    public = publisher.data / "public"
    return {each: (public / f"sessions/{each}/card.png").read_bytes() for each in SESSIONS}


def complete(publisher: Publisher) -> None:
    """Go on until no card is to come."""
    until = time.monotonic() + 30
    while publisher.jobs.draw_cards(NOW, wait_s=1.0):
        assert time.monotonic() < until


def test_a_card_that_did_not_change_is_not_drawn_again(
    led: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rebuild keeps the files; a damaged one is drawn anew."""
    before = card_files(led)
    drawn: list[CardTexts] = []

    def counted(texts: CardTexts) -> bytes:
        drawn.append(texts)
        return draw(texts)

    monkeypatch.setattr(card, "_drawn", counted)
    led.catalogue.dirty.mark_all()
    led.work()
    # The studio's own card is no session's.
    assert {texts.seed for texts in drawn} <= {led.jobs.setup.studio.name}
    damaged = led.data / "public/sessions/s-1/card.png"
    damaged.write_bytes(before["s-1"][:-40])
    led.catalogue.dirty.mark_all()
    led.work()
    assert "s-1" in {texts.seed for texts in drawn}
    assert card_files(led) == before


def test_when_every_card_changes_the_pages_go_before(led: Publisher) -> None:
    """Each page shows the card from before until its own is drawn; then the site is what a rebuild makes."""
    before = card_files(led)
    rename(led, "Breathing Room")
    assert "Breathing Room" in led.read("sessions/s-4/index.html")
    assert not led.catalogue.dirty.any()
    waiting = {mark.removeprefix("cards/") for mark in led.catalogue.dirty.cards()}
    assert len(waiting) >= 1
    now = card_files(led)
    assert all(now[each] == before[each] for each in waiting)
    complete(led)
    assert led.catalogue.dirty.cards() == {}
    assert all(before[each] != png for each, png in card_files(led).items())
    assert led.site() == led.rebuilt()


def test_where_no_card_was_the_studios_stands_in(led: Publisher) -> None:
    """No page refers to a picture that is not there."""
    for file in (led.data / "public").rglob("card.png"):
        file.unlink()
    led.catalogue.dirty.mark_all()
    led.work()
    waiting = [mark.removeprefix("cards/") for mark in led.catalogue.dirty.cards()]
    assert waiting
    own = (led.data / "public/card.png").read_bytes()
    now = card_files(led)
    assert {now[each] for each in waiting} == {own}
    complete(led)
    assert led.site() == led.rebuilt()


def test_a_restart_loses_no_card_that_was_to_follow(led: Publisher) -> None:
    """What is marked is drawn by the next publisher."""
    rename(led, "Breathing Room")
    assert led.catalogue.dirty.cards()
    led.jobs.close()
    second = Publisher(led.data)
    complete(second)
    made_of = {drawn_of(png) for png in card_files(second).values()}
    assert len(made_of) == len(SESSIONS)
    assert second.site() == second.rebuilt()
    second.close()


def test_a_session_that_ends_meanwhile_does_not_wait(led: Publisher) -> None:
    """Its page and its own card are there at once; one that is withdrawn loses its card for good."""
    rename(led, "Breathing Room")
    led.publish(snapshot("new", title="Just now"), ["web"], NOW + DAY)
    png = (led.data / "public/sessions/new/card.png").read_bytes()
    assert "Just now" in led.read("sessions/new/index.html")
    led.catalogue.withdraw("s-4", NOW)
    led.work()
    assert drawn_of(png) == drawn_of((led.data / "public/sessions/new/card.png").read_bytes())
    complete(led)
    assert not led.has("sessions/s-4/card.png")
    assert led.site() == led.rebuilt()


def test_a_card_that_cannot_be_drawn_holds_nothing_up(
    led: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is tried twice; then another stands in for it, and the others are drawn."""
    intact = card.card_texts

    def spoiled(story: object, studio: object) -> CardTexts:
        texts = intact(story, studio)  # type: ignore[arg-type]
        return replace(texts, seed=None) if texts.seed == "s-3" else texts  # type: ignore[arg-type]

    monkeypatch.setattr(cards, "card_texts", spoiled)
    before = card_files(led)
    rename(led, "Breathing Room")
    complete(led)
    assert led.catalogue.dirty.cards() == {}
    changed = {each for each, png in card_files(led).items() if png != before[each]}
    assert changed == set(SESSIONS) - {"s-3"}


def test_processes_have_the_lowest_priority_and_one_that_dies_is_noticed() -> None:
    """What it had in hand could not be drawn; the next one draws the same bytes as this process."""
    workers = CardWorkers()
    assert workers.draw("s-1", TEXTS, 1)
    assert workers.finished(1, 20.0) == [("s-1", draw(TEXTS))]
    (pid,) = workers.pids()
    assert os.getpriority(os.PRIO_PROCESS, pid) == 19
    assert os.sched_getscheduler(pid) == os.SCHED_IDLE
    os.kill(pid, signal.SIGSTOP)
    workers.draw("s-2", TEXTS, 1)
    os.kill(pid, signal.SIGKILL)
    assert workers.finished(1, 20.0) == [("s-2", b"")]
    assert workers.draw("s-3", TEXTS, 1)
    [(session_id, png)] = workers.finished(1, 20.0)
    assert (session_id, drawn_of(png)) == ("s-3", digest_of(TEXTS))
    workers.close()
    assert workers.pids() == []


_ASK = """
import sys
from publisher.rendering.card_drawing import CardTexts
from publisher.site.card_workers import CardWorkers
workers = CardWorkers()
workers.draw("s-1", CardTexts("", "", "", "", "", ""), 1)
workers.finished(1, 20.0)
print(*workers.pids(), flush=True)
sys.stdin.read()
"""


def test_processes_end_with_the_publisher_however_it_ends(tmp_path: Path) -> None:
    """Also when it is killed."""
    parent = subprocess.Popen(
        [sys.executable, "-c", _ASK], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with parent:
        assert parent.stdout is not None
        drawing = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
        parent.wait()
        drawing.wait(20)
    assert not drawing.is_running()
