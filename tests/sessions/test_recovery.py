"""Coming back: exactly what was missed, or the whole state, and never anything between."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable

import pytest

from engine.domain import commands as c
from engine.domain.session import Presence
from tests.realtime.studio import Client, Studio


async def chatted(client: Client, *words: str) -> int:
    """Say something; returns the number of the last of it."""
    before = sum(message["type"] == "message_sent" for message in client.inbox)
    for word in words:
        await client.send("chat", {"message": word})
    sent = await client.until("message_sent", before + len(words))
    return int(sent["seq"])


async def test_ones_own_words_come_back_in_recovery(studio: Studio) -> None:
    """Whoever did not hear that they were sent gets them as the others did."""
    ada = await studio.join("ada")
    await chatted(ada, "one", "two")
    await studio.lost(ada)
    back = await studio.join("ada", resume=ada.welcome["resume"], epoch=ada.welcome["epoch"], after=1)
    await back.until("chat_message", 2)
    assert [m["content"]["message"] for m in back.inbox if m["type"] == "chat_message"] == ["one", "two"]
    assert await chatted(back, "three") == 4
    await back.settled()
    assert sum(m["type"] == "chat_message" for m in back.inbox) == 2


async def test_epoch_and_position_recover_without_the_secret(studio: Studio) -> None:
    """Whoever knows both gets what came after; their own joining is part of it."""
    ada = await studio.join("ada")
    await chatted(ada, "one", "two")
    anew = await studio.join("eve", epoch=ada.welcome["epoch"], after=ada.welcome["seq"])
    assert anew.welcome["recovered"] is True
    assert anew.welcome["seq"] == ada.welcome["seq"]
    await anew.until("participant_joined")
    assert anew.numbers() == [2, 3, 4]


async def test_a_position_alone_proves_nothing(studio: Studio) -> None:
    """Without secret or epoch it may be of another time."""
    ada = await studio.join("ada")
    await chatted(ada, "one")
    anew = await studio.join("eve", after=1)
    assert anew.welcome["recovered"] is False
    assert anew.welcome["seq"] == 3


async def test_a_position_that_never_was_gives_the_state(studio: Studio) -> None:
    """Beyond the newest there is nothing to recover."""
    ada = await studio.join("ada")
    back = await studio.join("ada", resume=ada.welcome["resume"], epoch=ada.welcome["epoch"], after=99)
    assert back.welcome["recovered"] is False
    assert back.welcome["seq"] == 1
    assert await chatted(back, "one") == 2


async def test_who_missed_nothing_recovers_nothing(studio: Studio) -> None:
    """The welcome says so, and the next message is the next."""
    ada, bob = await studio.join("ada"), await studio.join("bob")
    await studio.lost(bob)
    back = await studio.join("bob", resume=bob.welcome["resume"])
    assert back.welcome["recovered"] is True
    assert back.welcome["seq"] == 2
    assert await chatted(ada, "one") == 3
    await back.until("chat_message")
    assert back.numbers() == [3]


async def test_who_said_goodbye_may_come_back_too(studio: Studio) -> None:
    """With their own leaving and joining among what they missed."""
    ada, bob = await studio.join("ada"), await studio.join("bob")
    await bob.leave()
    await ada.until("participant_left")
    back = await studio.join("bob", resume=bob.welcome["resume"])
    assert back.welcome["recovered"] is True
    await back.until("participant_joined")
    assert [(m["type"], m["seq"]) for m in back.inbox if "epoch" in m] == [
        ("participant_left", 3),
        ("participant_joined", 4),
    ]
    assert (await ada.until("participant_joined", 2))["content"]["count"] == 2


async def test_a_page_that_is_reloaded_has_its_grace(studio: Studio) -> None:
    """Browsers close with 1001 when they go on: that is no goodbye."""
    ada, bob = await studio.join("ada"), await studio.join("bob")
    await bob.ws.close(code=1001)
    async with asyncio.timeout(5):
        while (await studio.state()).members["bob"].presence is Presence.PRESENT:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    assert (await studio.state()).members["bob"].presence is Presence.AWAY
    await studio.join("bob", resume=bob.welcome["resume"])
    await ada.settled()
    assert not [m for m in ada.inbox if m["type"] == "participant_left"]


async def test_the_second_of_two_losses_counts_from_its_own_position(studio: Studio) -> None:
    """What was recovered once is not recovered again."""
    ada, bob = await studio.join("ada"), await studio.join("bob")
    for words in (("one", "two"), ("three",)):
        await studio.lost(bob)
        last = await chatted(ada, *words)
        resume = bob.welcome["resume"]
        bob = await studio.join("bob", resume=resume)
        assert bob.welcome["recovered"] is True
        await bob.until("chat_message", len(words))
        assert bob.numbers() == list(range(last + 1 - len(words), last + 1))


async def test_many_return_while_the_room_talks_on(studio: Studio) -> None:
    """Each log is whole: from the welcome on, every number once and in order, and all logs agree."""
    ivy = await studio.join("ivy", role="instructor", key=True)
    people = [await studio.join(f"p{number}") for number in range(25)]

    async def talk() -> None:
        for number in range(300):
            await studio.command(c.Announce(str(number), "x"))

    async def churn(client: Client) -> Client:
        for _ in range(4):
            await studio.lost(client)
            last = max(client.numbers(), default=client.welcome["seq"])
            again = await studio.join(
                client.welcome["client_id"],
                resume=client.welcome["resume"],
                epoch=client.welcome["epoch"],
                after=last,
            )
            assert again.welcome["recovered"] is True
            assert again.welcome["seq"] == last
            client = again
        return client

    talking = asyncio.create_task(talk())
    survivors = await asyncio.gather(*map(churn, people))
    await talking
    head = (await studio.state()).seq
    last = await ivy.until("session_update", title="299")
    contents = {m["seq"]: m["content"] for m in ivy.inbox if "epoch" in m}
    for client in survivors:
        await client.until("session_update", title="299")
        assert client.numbers() == list(range(client.welcome["seq"] + 1, last["seq"] + 1))
        assert all(contents[m["seq"]] == m["content"] for m in client.inbox if "epoch" in m)
    assert head == last["seq"]
    assert (await studio.state()).count() == 25


@pytest.mark.parametrize("missed", [1000, 1001])
async def test_a_thousand_missed_messages_come_back_and_no_more(studio: Studio, missed: int) -> None:
    """One's own joining counts where it is one of them: not for who watches, or is back within the grace."""
    bob, eye = await studio.join("bob"), await studio.join("eye", role="observer")
    await studio.lost(bob)
    await studio.lost(eye)
    await asyncio.gather(*(studio.command(c.Announce(str(number), "x")) for number in range(missed)))
    position = {"epoch": bob.welcome["epoch"], "after": 1}
    for client_id, query in {
        "eye": {"role": "observer", "resume": eye.welcome["resume"]},
        "bob": {"resume": bob.welcome["resume"]},
        "new": {"role": "observer"},
    }.items():
        back = await studio.join(client_id, **query, **position)
        assert back.welcome["recovered"] is (missed == 1000)
        if missed == 1000:
            await back.until("session_update", missed)
            assert back.numbers() == list(range(2, missed + 2))
    cem = await studio.join("cem", epoch=bob.welcome["epoch"], after=missed - 999)
    assert cem.welcome["recovered"] is False
    dan = await studio.join("dan", epoch=bob.welcome["epoch"], after=missed - 997)
    assert dan.welcome["recovered"] is True


class TornOwnership:
    """Of a server that took sessions over, whose newest records may be lost."""

    def __init__(self, *torn: str) -> None:
        self.torn = set(torn)
        self.replaced: list[str] = []

    def term(self, session_id: str) -> int | None:
        return 0

    def owned(self) -> Collection[str]:
        return ()

    async def claim(self, session_id: str, *, new: bool = False) -> int:
        return 0

    def is_tail_lost(self, session_id: str) -> bool:
        return session_id in self.torn

    async def tail_replaced(self, session_id: str) -> None:
        self.torn.discard(session_id)
        self.replaced.append(session_id)

    async def release(self, session_ids: Iterable[str]) -> None:
        """Nobody else takes them."""

    async def give(self, session_id: str, to: str) -> bool:
        """There is nobody else."""
        return False

    def lose(self, session_id: str) -> None:
        """There is nobody else."""


async def test_where_the_newest_records_are_lost_another_epoch_begins(studio: Studio) -> None:
    """Numbers are given again, to other messages: nobody who comes from before takes one for the other."""
    ada, bob = await studio.join("ada"), await studio.join("bob")
    last = await chatted(ada, "one")
    epoch = ada.welcome["epoch"]
    await studio.close()
    ownership = TornOwnership("s")
    await studio.open(ownership=ownership)
    back = await studio.join("ada", resume=ada.welcome["resume"], epoch=epoch, after=last)
    assert (back.welcome["recovered"], back.welcome["seq"]) == (False, last)
    assert back.welcome["epoch"] != epoch
    unsaid = await studio.join("bob", resume=bob.welcome["resume"], after=last)
    assert unsaid.welcome["recovered"] is False, "which epoch that is of, it does not say"
    assert await chatted(back, "two") == last + 1
    assert ownership.replaced == ["s"]
    await studio.close()
    await studio.open(ownership=ownership)
    again = await studio.join(
        "ada", resume=ada.welcome["resume"], epoch=back.welcome["epoch"], after=last + 1
    )
    assert (again.welcome["recovered"], again.welcome["epoch"]) == (True, back.welcome["epoch"])
    assert ownership.replaced == ["s"]
