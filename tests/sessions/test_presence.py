"""Joining, leaving, coming back: what everybody in the room sees of it."""

from __future__ import annotations

import pytest

from engine.domain import commands as c
from tests.realtime.studio import Refused, Studio


async def test_the_first_message_is_a_welcome_that_counts_the_newcomer(studio: Studio) -> None:
    """Given an open session, whoever joins is welcomed with their place in it."""
    ada = await studio.join("ada", name="Ada")
    assert ada.welcome["role"] == "participant"
    assert ada.welcome["participant_count"] == 1
    assert ada.welcome["seq"] == 1
    assert ada.welcome["recovered"] is False
    assert ada.welcome["name"] == "Ada"


async def test_others_are_told_of_a_join_and_the_newcomer_is_not(studio: Studio) -> None:
    """participant_joined goes to everybody else, with the next number."""
    ada = await studio.join("ada")
    bob = await studio.join("bob", name="Bob")
    joined = await ada.until("participant_joined")
    assert joined["content"] == {"client_id": "bob", "name": "Bob", "count": 2}
    assert joined["seq"] == ada.welcome["seq"] + 1 == bob.welcome["seq"]
    await bob.settled()
    assert not [message for message in bob.inbox if message["type"] == "participant_joined"]


async def test_a_goodbye_is_announced_at_once(studio: Studio) -> None:
    """A clean close lowers the count without a grace."""
    ada = await studio.join("ada")
    bob = await studio.join("bob")
    await bob.leave()
    left = await ada.until("participant_left")
    assert left["content"]["client_id"] == "bob"
    assert left["content"]["count"] == 1


async def test_a_lost_connection_has_a_grace_of_twenty_seconds(studio: Studio) -> None:
    """Nobody is told of a loss before the grace is over; then everybody is."""
    ada = await studio.join("ada")
    bob = await studio.join("bob")
    await studio.lost(bob)
    studio.clock.jump(19_000)
    await ada.settled()
    assert not [message for message in ada.inbox if message["type"] == "participant_left"]
    studio.clock.jump(2_000)
    assert (await ada.until("participant_left"))["content"]["count"] == 1


async def test_whoever_returns_gets_exactly_what_was_missed(studio: Studio) -> None:
    """With the resume secret the missed messages come once each, in order, and nobody sees a return."""
    ada = await studio.join("ada")
    bob = await studio.join("bob")
    await studio.lost(bob)
    for word in ("one", "two", "three"):
        await ada.send("chat", {"message": word})
    await ada.until("message_sent", 3)
    back = await studio.join("bob", resume=bob.welcome["resume"])
    assert back.welcome["recovered"] is True
    assert back.welcome["seq"] == bob.welcome["seq"]
    await back.until("chat_message", 3)
    assert [m["content"]["message"] for m in back.inbox if m["type"] == "chat_message"] == [
        "one",
        "two",
        "three",
    ]
    assert back.numbers() == [3, 4, 5]
    assert back.welcome["participant_count"] == 2


async def test_after_decides_where_somebody_stands(studio: Studio) -> None:
    """The client's own position wins over the server's memory of it."""
    ada = await studio.join("ada")
    for word in ("one", "two", "three"):
        await ada.send("chat", {"message": word})
    await ada.until("message_sent", 3)
    await studio.lost(ada)
    back = await studio.join("ada", resume=ada.welcome["resume"], epoch=ada.welcome["epoch"], after=2)
    assert back.welcome["recovered"] is True
    assert back.welcome["seq"] == 2
    await back.until("chat_message", 2)
    assert back.numbers() == [3, 4]


async def test_an_unknown_epoch_is_no_partial_recovery(studio: Studio) -> None:
    """A gap that cannot be filled gives the full state."""
    ada = await studio.join("ada")
    await studio.lost(ada)
    back = await studio.join("ada", resume=ada.welcome["resume"], epoch="another", after=1)
    assert back.welcome["recovered"] is False
    assert back.welcome["seq"] == 1


async def test_after_the_grace_a_return_is_a_join_among_the_missed(studio: Studio) -> None:
    """Whoever was announced as left gets their own leaving and joining too, without a hole."""
    ada = await studio.join("ada")
    bob = await studio.join("bob")
    await studio.lost(bob)
    studio.clock.jump(21_000)
    await ada.until("participant_left")
    back = await studio.join("bob", resume=bob.welcome["resume"])
    assert (await ada.until("participant_joined", 2))["content"]["count"] == 2
    assert back.welcome["recovered"] is True
    await back.until("participant_joined")
    assert back.numbers() == [3, 4]


async def test_five_minutes_later_the_missed_are_gone(studio: Studio) -> None:
    """Returning after 300 s gives the state, not the gap."""
    bob = await studio.join("bob")
    await studio.lost(bob)
    studio.clock.jump(330_000)
    back = await studio.join("bob", resume=bob.welcome["resume"], epoch=bob.welcome["epoch"], after=1)
    assert back.welcome["recovered"] is False


async def test_a_known_client_id_needs_its_secret(studio: Studio) -> None:
    """Its owner stays connected."""
    ada = await studio.join("ada")
    with pytest.raises(Refused) as refused:
        await studio.join("ada")
    assert refused.value.code == 4500
    assert refused.value.error["code"] == "client_id_in_use"
    await ada.settled()


async def test_the_newer_connection_wins(studio: Studio) -> None:
    """The older is closed with 4508, and the count does not move."""
    ada = await studio.join("ada")
    bob = await studio.join("bob")
    again = await studio.join("bob", resume=bob.welcome["resume"])
    assert await bob.closed() == 4508
    assert again.welcome["participant_count"] == 2
    await ada.settled()
    assert [message["type"] for message in ada.inbox if "seq" in message and "epoch" in message] == [
        "participant_joined"
    ]


async def test_a_full_room_admits_staff_only(studio: Studio) -> None:
    """Counts are of participants; staff always fit."""
    await studio.create("tiny", max_participants=1)
    await studio.join("ada", session_id="tiny")
    with pytest.raises(Refused) as refused:
        await studio.join("bob", session_id="tiny")
    assert refused.value.code == 4503
    staff = await studio.join("ivy", session_id="tiny", role="instructor", key=True)
    assert staff.welcome["participant_count"] == 1


async def test_restart_keeps_epoch_and_position(studio: Studio) -> None:
    """After a restart clients recover by position, and the graces run anew."""
    ada = await studio.join("ada")
    bob = await studio.join("bob")
    await ada.send("chat", {"message": "kept"})
    await bob.until("chat_message")
    await studio.restart()
    back = await studio.join("bob", resume=bob.welcome["resume"], epoch=bob.welcome["epoch"], after=2)
    assert back.welcome["epoch"] == bob.welcome["epoch"]
    assert back.welcome["recovered"] is True
    assert (await back.until("chat_message"))["content"]["message"] == "kept"
    assert back.welcome["participant_count"] == 2
    studio.clock.jump(21_000)
    assert (await back.until("participant_left"))["content"]["client_id"] == "ada"


async def test_recovery_reaches_beyond_the_ring(studio: Studio) -> None:
    """What the ring no longer holds comes from the journal, up to 1000 messages."""
    ivy = await studio.join("ivy", role="instructor", key=True)
    bob = await studio.join("bob")
    await studio.lost(bob)
    for number in range(700):
        await ivy.send("announce", {"title": str(number), "message": "x"})
    await ivy.until("session_update", 700)
    back = await studio.join("bob", resume=bob.welcome["resume"])
    assert back.welcome["recovered"] is True
    await back.until("session_update", 700)
    assert back.numbers() == list(range(2, 702))


@pytest.mark.parametrize("gone", [False, True], ids=["while the first is here", "after it was cut"])
async def test_one_persons_second_device_is_one_person(studio: Studio, gone: bool) -> None:
    """By the secret alone, and in a full and locked room: the same seat, the same count, at once."""
    await studio.create("small", max_participants=1)
    phone = await studio.join(session_id="small", name="Ada")
    await studio.command(c.Lock(True), "small")
    if gone:
        await studio.lost(phone, "small")
    laptop = await studio.join(session_id="small", resume=phone.welcome["resume"])
    assert laptop.welcome["client_id"] == phone.welcome["client_id"]
    assert (laptop.welcome["participant_count"], laptop.welcome["name"]) == (1, "Ada")
    if not gone:
        assert await phone.closed() == 4508
    state = await studio.state("small")
    assert (state.count(), len(state.members)) == (1, 1)
    assert (await studio.turned_away(session_id="small")).error["code"] == "locked"
