"""A command's id makes it happen once: sent again it is answered as the first time."""

from __future__ import annotations

from typing import Any

import pytest

from engine.domain import commands as c
from engine.domain.session import Presence
from engine.protocol.incoming import Inbound
from engine.sessions.command_ids import KEPT, CommandIds, command_key
from tests.realtime.studio import Client, Studio


async def again(client: Client, number: int = 1, **ack: Any) -> dict[str, Any]:
    return await client.until("ack", number, **ack)


async def back(studio: Studio, client: Client) -> Client:
    """The same person on another connection."""
    return await studio.join(client.welcome["client_id"], resume=client.welcome["resume"])


async def test_a_chat_sent_again_is_said_once(studio: Studio) -> None:
    """On the same connection, after a cut, and after a restart: with the number of the first."""
    ada, bob = await studio.join("ada"), await studio.join("bob")
    await ada.send("chat", {"message": "hello"}, id="c-1")
    first = await again(ada, reply_to="c-1")
    await ada.send("chat", {"message": "hello"}, id="c-1")
    assert (await again(ada, 2, reply_to="c-1"))["seq"] == first["seq"]
    await studio.command(c.Announce("One", "more"))
    await studio.lost(ada)
    ada = await back(studio, ada)
    await ada.send("chat", {"message": "hello"}, id="c-1")
    assert (await again(ada, reply_to="c-1"))["seq"] == first["seq"]
    await studio.restart()
    ada = await back(studio, ada)
    await ada.send("chat", {"message": "hello"}, id="c-1")
    assert (await again(ada, reply_to="c-1"))["seq"] == first["seq"]
    assert [message["content"]["message"] for message in bob.inbox if message["type"] == "chat_message"] == [
        "hello"
    ]


async def test_a_chat_sent_twice_before_it_is_durable_is_said_once(studio: Studio) -> None:
    """Neither is answered before the other's words are stored."""
    ada = await studio.join("ada")
    for _ in range(3):
        await ada.send("chat", {"message": "hello"}, id="c-1")
    seqs = [(await again(ada, number, reply_to="c-1"))["seq"] for number in (1, 2, 3)]
    assert len(set(seqs)) == 1
    assert (await studio.state()).seq == seqs[0]


async def test_another_persons_id_and_other_words_are_another_command(studio: Studio) -> None:
    """Programs count from one on every connection: nothing of theirs is swallowed."""
    ada, bob = await studio.join("ada"), await studio.join("bob")
    await ada.send("chat", {"message": "hello"}, id="1")
    await bob.send("chat", {"message": "hello"}, id="1")
    await ada.send("chat", {"message": "goodbye"}, id="1")
    seqs = {(await again(ada, 1))["seq"], (await again(ada, 2))["seq"], (await again(bob))["seq"]}
    assert len(seqs) == 3


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("announce", {"title": "Soon", "message": "Sit down"}),
        ("start", {}),
        ("lock", {"locked": True}),
        ("lock", {"locked": False}),
    ],
)
async def test_what_instructors_send_again_happens_once(
    studio: Studio, kind: str, data: dict[str, Any]
) -> None:
    """Also a start, whose second would be refused, and what changed nothing the first time."""
    ivy = await studio.join(role="instructor", key=True)
    await ivy.send(kind, data, id="x")
    first = await again(ivy, reply_to="x")
    position = (await studio.state()).position
    await studio.restart()
    ivy = await back_as_instructor(studio, ivy)
    await studio.command(c.Announce("Between", "the two"))
    await ivy.send(kind, data, id="x")
    assert (await again(ivy, reply_to="x"))["seq"] == first["seq"]
    state = await studio.state()
    assert [m for m in state.members.values() if m.presence is Presence.PRESENT]
    assert state.seq == first["seq"] + 1
    assert state.locked is (data == {"locked": True})
    assert state.position >= position


async def back_as_instructor(studio: Studio, client: Client) -> Client:
    welcome = client.welcome
    return await studio.join(welcome["client_id"], role="instructor", key=True, resume=welcome["resume"])


async def test_a_refusal_is_no_answer_for_ever(studio: Studio) -> None:
    """What was not carried out may be tried again under the same id."""
    ada = await studio.join("ada")
    await studio.command(c.SwitchChat(False))
    await ada.send("chat", {"message": "hello"}, id="c-1")
    assert (await ada.until("error", reply_to="c-1"))["code"] == "chat_off"
    await studio.command(c.SwitchChat(True))
    await ada.send("chat", {"message": "hello"}, id="c-1")
    assert (await again(ada, reply_to="c-1"))["seq"] == (await studio.state()).seq


async def test_beats_sent_again_are_counted_once(studio: Studio) -> None:
    """They are in memory alone, and so is their id."""
    ada = await studio.join("ada")
    await ada.send("consent", {"heart_rate": True, "group": True, "version": "1"}, id="k")
    await again(ada, reply_to="k")
    for number in (1, 2):
        await ada.send("heart_rate", {"rr": [800.0, 810.0]}, id="h-1")
        await again(ada, number, reply_to="h-1")
    assert studio.registry.get_sample_value("halcytone_heart_beats_total", {"outcome": "accepted"}) in (
        2,
        None,
    )


def test_the_newest_ten_thousand_are_known() -> None:
    """In memory; and of what is stored as many come back after a restart."""
    ids = CommandIds(())
    stored = [ids.add(f"{number:032x}", number) for number in range(KEPT + 5)]
    assert ids.seq_of(f"{4:032x}") is None
    assert ids.seq_of(f"{5:032x}") == 5
    revived = CommandIds(["e-1", "command:no", *reversed(stored)])
    assert revived.seq_of(f"{4:032x}") is None
    assert [revived.seq_of(f"{number:032x}") for number in (5, KEPT + 4)] == [5, KEPT + 4]


def test_a_key_is_the_same_in_every_process() -> None:
    """It is stored, and holds nothing of what somebody said."""
    key = command_key("ada", Inbound("chat", c.Chat("hello"), "c-1"))
    assert key == "149819ec43837763b3c01f243ea2ca6b"
