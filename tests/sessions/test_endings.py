"""Sessions that end: by a word, by the clock, by being left; and what is left of them."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from engine.domain import commands as c
from engine.domain.session import Phase, Role
from engine.domain.snapshot import Snapshot
from engine.storage.opening import database_of
from engine.storage.outbox import Outbox
from engine.storage.story_reader import StoryReader
from tests.realtime.studio import Refused, Studio

MINUTE = 60_000


def channels(studio: Studio, session_id: str = "s") -> set[str]:
    """The channels that a session left work for."""
    with database_of(studio.data).connect() as connection:
        return {row.channel for row in Outbox(connection).of(session_id)}


def story(studio: Studio, session_id: str = "s") -> Snapshot:
    with database_of(studio.data).connect() as connection:
        found = StoryReader(connection).snapshot(session_id)
    assert found is not None
    return found


async def test_an_end_leaves_a_story_and_work_for_every_channel(studio: Studio) -> None:
    """In the transaction of its last event; the publisher is woken once it is there."""
    ada = await studio.join("ada")
    await studio.command(c.Start())
    await studio.command(c.ChangeTechnique("Box Breathing", 300))
    studio.clock.jump(10 * MINUTE)
    await ada.settled()
    await studio.command(c.End())
    assert await ada.closed() == 1000
    assert {"web", "email", "social", "analytics"} <= channels(studio)
    snapshot = story(studio)
    assert snapshot.participant_count == 1
    assert snapshot.breathing_techniques == ("Box Breathing",)
    assert 600 <= snapshot.session_duration < 660
    assert studio.stories.count("s") >= 1


async def test_a_session_ends_after_two_hours_and_says_so_before(studio: Studio) -> None:
    """Ten minutes ahead everybody is warned; then it ends with 1000."""
    ada = await studio.join("ada")
    await studio.command(c.Start())
    studio.clock.jump(110 * MINUTE)
    warning = await ada.until("session_update", update_type="ending_soon")
    assert warning["content"]["minutes"] == 10
    studio.clock.jump(10 * MINUTE)
    assert await ada.closed() == 1000
    assert ada.inbox[-1]["type"] == "session_ending"
    assert ada.inbox[-1]["content"]["duration"] == 7200
    assert story(studio).session_duration == 7200


async def test_a_session_ends_fifteen_minutes_after_the_last_person_left(studio: Studio) -> None:
    """A screen that watches does not keep it; whoever returns in time does."""
    watching = await studio.join(role="observer")
    ada = await studio.join("ada")
    await studio.command(c.Start())
    await ada.leave()
    await watching.until("participant_left")
    studio.clock.jump(14 * MINUTE)
    back = await studio.join("ada", resume=ada.welcome["resume"])
    studio.clock.jump(14 * MINUTE)
    await back.settled()
    await back.leave()
    await watching.until("participant_left", 2)
    studio.clock.jump(15 * MINUTE)
    assert await watching.closed() == 1000
    assert (await studio.state()).end_reason == "empty"
    assert "web" in channels(studio)


async def test_nothing_is_published_of_a_session_that_nobody_came_to(studio: Studio) -> None:
    """It ends, and the console learns why."""
    ivy = await studio.join("ivy", role="instructor", key=True)
    await studio.command(c.Start())
    await studio.command(c.End())
    assert await ivy.closed() == 1000
    assert ivy.inbox[-1]["content"]["summary_available"] is False
    assert channels(studio) == {"schedule"}


async def test_a_waiting_room_that_nobody_starts_is_closed(studio: Studio) -> None:
    """Two hours after its time; whoever still waits in it is waited for."""
    watching = await studio.join(role="observer")
    studio.clock.jump(121 * MINUTE)
    assert await watching.closed() == 1000
    assert (await studio.state()).end_reason == "nobody_came"
    assert channels(studio) == {"schedule"}


async def test_a_room_made_for_yesterday_still_waits(studio: Studio) -> None:
    """A past start is allowed: the room is open at once and stays so."""
    await studio.create("late", scheduled_start=studio.clock.now() - 24 * 60 * MINUTE)
    studio.clock.jump(MINUTE)
    ada = await studio.join("ada", session_id="late")
    assert ada.welcome["phase"] == "waiting"


async def test_waiting_clients_are_told_of_changes_and_of_a_cancellation(studio: Studio) -> None:
    """The room as it is now; then the goodbye."""
    ada = await studio.join("ada")
    await studio.command(c.ChangeDetails(title="Evening", listen_url="https://voice.example/x"))
    changed = await ada.until("session_update", update_type="room_changed")
    assert changed["content"]["title"] == "Evening"
    assert changed["content"]["listen_url"] == "https://voice.example/x"
    await studio.command(c.Cancel())
    assert await ada.closed() == 1000
    assert ada.inbox[-1]["update_type"] == "session_cancelled"
    assert (await studio.state()).sequence == 2


async def test_the_first_to_leave_counts_for_the_time_they_were_there(studio: Studio) -> None:
    """Completion is the share of those who were present for four fifths of their time."""
    ada, bob = await studio.join("ada"), await studio.join("bob")
    await studio.command(c.Start())
    studio.clock.jump(5 * MINUTE)
    await ada.leave()
    await bob.until("participant_left")
    studio.clock.jump(15 * MINUTE)
    await studio.command(c.End())
    state = await studio.state()
    assert state.completion_rate(studio.clock.now()) == 0.5


async def test_who_withdraws_is_gone_from_words_and_room(studio: Studio) -> None:
    """Closed for good, announced without their name, and the table of people has no row of them."""
    ada, bob = await studio.join("ada", name="Ada Byron"), await studio.join("bob")
    await ada.send("chat", {"message": "hi"})
    await bob.until("chat_message")
    await studio.directory.withdraw("s", "ada")
    assert await ada.closed() == 1000
    left = await bob.until("participant_left")
    assert left["content"]["name"] != "Ada Byron"
    replay = await studio.directory.replay("s", 100)
    assert "Ada Byron" not in str(replay)
    await studio.restart()
    view = await studio.directory.view("s")
    assert view is not None
    assert "ada" not in view.people


async def test_a_rating_after_the_end_makes_a_new_version(studio: Studio) -> None:
    """The first stays as it is; outbox rows are there for the second."""
    await studio.join("ada")
    await studio.command(c.Start())
    await studio.command(c.End())
    assert story(studio).version == 1
    await studio.directory.ask("s", c.RateSession(5), c.Sender(Role.PARTICIPANT, "ada"))
    assert story(studio).version == 2
    assert (await studio.state()).phase is Phase.ENDED


async def test_a_date_set_forwards_ends_no_session(studio: Studio) -> None:
    """A laptop that slept, an hour corrected: nobody leaves for it, and the duration is what was lived.

    Everybody comes back at once, to a pacer that goes on where it was.
    """
    ada = await studio.join("ada")
    bob = await studio.join("bob")
    await studio.command(c.Start())
    await studio.command(c.ChangeTechnique("Box Breathing", 3600))
    began = await ada.until("technique_changed")
    studio.clock.jump(9 * MINUTE)
    await studio.command(c.Announce("Soon", "We rest"))
    studio.clock.jump(MINUTE)
    await studio.lost(bob)
    studio.clock.set_date(600 * MINUTE)
    assert await ada.closed() == 4006
    studio.sockets.close_silent()
    state = await studio.state()
    assert state.phase is Phase.LIVE
    ada_again = await studio.join("ada", resume=ada.welcome["resume"])
    back = await studio.join("bob", resume=bob.welcome["resume"])
    assert back.welcome["recovered"] is True
    assert ada_again.welcome["recovered"] is True
    assert back.welcome["participant_count"] == 2
    assert "participant_left" not in [message["type"] for message in (*ada.inbox, *ada_again.inbox)]
    assert back.welcome["announcement"]["title"] == "Soon"
    told = datetime.fromisoformat(back.welcome["technique"]["started_at"])
    assert told - datetime.fromisoformat(began["content"]["started_at"]) - timedelta(hours=10) < timedelta(
        seconds=5
    )
    studio.clock.jump(10 * MINUTE)
    await studio.command(c.End())
    assert await ada_again.closed() == 1000
    snapshot = story(studio)
    assert 1200 <= snapshot.session_duration < 1230
    assert abs(snapshot.ended_at - studio.clock.now()) < MINUTE


async def test_a_date_set_back_stops_no_session(studio: Studio) -> None:
    """Its instants go on, graces and limits come when they are due, and no instant runs back."""
    ada = await studio.join("ada")
    bob = await studio.join("bob")
    await studio.command(c.Start())
    studio.clock.jump(10 * MINUTE)
    studio.clock.set_date(-24 * 60 * MINUTE)
    await studio.lost(bob)
    studio.clock.jump(21_000)
    await ada.until("participant_left")
    studio.clock.jump(110 * MINUTE)
    assert await ada.closed() == 1000
    assert 7190 <= story(studio).session_duration <= 7200
    told = [message["timestamp"] for message in ada.inbox if "seq" in message]
    assert told == sorted(told)


@pytest.mark.parametrize("by", [600 * MINUTE, -24 * 60 * MINUTE])
async def test_what_has_not_begun_waits_for_the_date(studio: Studio, by: int) -> None:
    """A room of now opens after the date was set, and one of later does not."""
    start = studio.clock.now() + max(by, 0) + 60 * MINUTE
    await studio.create("before", scheduled_start=start)
    studio.clock.set_date(by)
    await studio.create("now", scheduled_start=studio.clock.now())
    await studio.create("later", scheduled_start=studio.clock.now() + 60 * MINUTE)
    here = await studio.join("ada", session_id="now")
    assert here.welcome["phase"] == "waiting"
    with pytest.raises(Refused) as refused:
        await studio.join("ada", session_id="later")
    assert refused.value.error["content"]["code"] == "not_open_yet"
    with pytest.raises(Refused):
        await studio.join("ada", session_id="before")
    studio.clock.jump(start - 14 * MINUTE - studio.clock.now())
    there = await studio.join("ada", session_id="before")
    assert there.welcome["phase"] == "waiting"
