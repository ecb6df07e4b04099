"""Chat kept in order: staff answer in it and delete messages, and nobody who comes later is told what was deleted."""

from __future__ import annotations

import asyncio

import pytest

from engine.domain import commands as c
from engine.domain.session import Role
from engine.sessions.journaling import journal_entries
from engine.storage.sqlite import FILE_NAME
from tests.realtime.studio import Client, Studio
from tests.sessions.slow_reads import SlowReads

TELLTALE = "telltale words"


async def spoken(studio: Studio) -> tuple[Client, Client, Client, int]:
    """The instructor, Ada, who wrote two messages, Bob, who heard the first one, and its number."""
    ivy = await studio.join("ivy", role="instructor", key=True)
    ada, bob = await studio.join("ada", name="Ada"), await studio.join("bob")
    await ada.send("chat", {"message": TELLTALE}, id="1")
    seq = (await bob.until("chat_message"))["seq"]
    await ada.send("chat", {"message": "good morning"}, id="2")
    await ada.until("ack", reply_to="2")
    return ivy, ada, bob, seq


async def deleted(ivy: Client, seq: int) -> None:
    await ivy.send("delete_message", {"seq": seq}, id="delete")
    await ivy.until("ack", reply_to="delete")


def told(client: Client) -> str:
    return str(client.welcome) + str(client.inbox)


async def test_staff_answer_in_the_chat(studio: Studio) -> None:
    """Under the instructor's name, where they gave none of their own; a console that is opened later shows it so."""
    ivy = await studio.join("ivy", role="instructor", key=True)
    eve = await studio.join("eve", role="instructor", key=True, name="Eve")
    ada = await studio.join("ada", name="Ada")
    for staff in (ivy, eve):
        await staff.send("chat", {"message": "Welcome"}, id="1")
        await staff.until("ack", reply_to="1")
    first, second = await ada.until("chat_message"), await ada.until("chat_message", 2)
    line = {"client_id": "ivy", "name": "Ada", "message": "Welcome", "by_staff": True}
    assert first["content"] == line  # The session is led by an Ada.
    assert second["content"] == {**line, "client_id": "eve", "name": "Eve"}
    assert (await ivy.until("message_sent"))["seq"] == first["seq"]
    later = await studio.join("kim", role="instructor", key=True)
    assert later.welcome["chat_log"][0] == {"seq": first["seq"], **line}


async def test_a_deletion_is_told_to_everybody(studio: Studio) -> None:
    """Its number alone, to its writer as well; the next console does not show the message any more."""
    ivy, ada, bob, seq = await spoken(studio)
    await deleted(ivy, seq)
    for client in (ivy, ada, bob):
        gone = await client.until("session_update", update_type="messages_deleted")
        assert gone["content"] == {"seq": seq}
    later = await studio.join("kim", role="instructor", key=True)
    assert [line["message"] for line in later.welcome["chat_log"]] == ["good morning"]


async def test_who_comes_back_is_not_told_what_was_deleted(studio: Studio) -> None:
    """Neither from memory nor from the disk, after a restart too; every number comes all the same."""
    ivy, _, bob, seq = await spoken(studio)
    await studio.lost(bob)
    await deleted(ivy, seq)
    epoch, resume = bob.welcome["epoch"], bob.welcome["resume"]
    back = await studio.join("bob", resume=resume, after=0, epoch=epoch)
    assert (await back.until("chat_message"))["content"]["message"] == "…"
    await studio.restart()
    again = await studio.join("bob", resume=resume, after=0, epoch=epoch)
    await studio.command(c.Announce("now", "x"))
    for client in (again,):
        await client.until("session_update", title="now")
        assert client.welcome["recovered"] is True
        assert client.numbers() == list(range(1, client.numbers()[-1] + 1))
    assert TELLTALE not in told(back) + told(again)
    assert TELLTALE not in str(await studio.directory.replay("s", 100))


async def test_what_was_read_before_a_deletion_is_not_told_after_it(studio: Studio) -> None:
    """Whoever waits for the disk meanwhile waits for what the log says now; so does who asks for a replay."""
    _, _, bob, seq = await spoken(studio)
    journal = SlowReads(studio.data)
    await studio.restart(journal=journal)
    coming = asyncio.create_task(
        studio.join("bob", resume=bob.welcome["resume"], after=0, epoch=bob.welcome["epoch"])
    )
    replay = asyncio.create_task(studio.directory.replay("s", 100))
    await journal.under_way.wait()
    await studio.command(c.DeleteMessage(seq))
    journal.let_go.set()
    back = await coming
    await back.until("session_update", update_type="messages_deleted")
    assert back.welcome["recovered"] is True
    assert TELLTALE not in told(back) + str(await replay)


async def test_a_removal_takes_all_words_along(studio: Studio) -> None:
    """On every screen, on that of the removed person before it is closed, and in what others recover."""
    ivy, ada, bob, _ = await spoken(studio)
    await bob.send("chat", {"message": "hello"}, id="1")
    await bob.until("ack", reply_to="1")
    await ivy.send("remove_participant", {"client_id": "ada", "delete_messages": True})
    assert await ada.closed() == 4506
    for client in (ada, bob, ivy):
        gone = await client.until("session_update", update_type="messages_deleted")
        assert gone["content"] == {"client_id": "ada"}
    await bob.until("participant_left")
    late = await studio.join("eye", role="observer", after=0, epoch=bob.welcome["epoch"])
    await late.until("participant_left")
    said = [message["content"]["message"] for message in late.inbox if message["type"] == "chat_message"]
    assert said == ["…", "…", "hello"]


async def test_only_staff_delete(studio: Studio) -> None:
    """Nor is there anything to delete that nobody sent."""
    ivy, ada, _, seq = await spoken(studio)
    await ada.send("delete_message", {"seq": seq}, id="3")
    assert (await ada.until("error", reply_to="3"))["content"]["code"] == "forbidden"
    await ivy.send("delete_message", {"seq": 999}, id="4")
    assert (await ivy.until("error", reply_to="4"))["content"]["code"] == "unknown_message"


@pytest.mark.parametrize("whole", [False, True], ids=["one message", "everything of somebody"])
async def test_deleted_words_are_in_no_byte_of_the_database(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, whole: bool
) -> None:
    """Not in the log, nor in a state that was stored while the words still stood in it."""
    with monkeypatch.context() as often:
        often.setattr(journal_entries, "STATE_EVERY", 1)
        ivy, _, _, seq = await spoken(studio)
    command = c.RemoveParticipant("ada", delete_messages=True) if whole else c.DeleteMessage(seq)
    await studio.directory.ask("s", command, c.Sender(Role.INSTRUCTOR, "ivy"))
    await ivy.until("session_update", update_type="messages_deleted")
    await studio.close()
    content = b"".join(file.read_bytes() for file in studio.data.glob(f"{FILE_NAME}*"))
    await studio.open()
    assert b"messages_deleted" in content
    assert TELLTALE.encode() not in content
    assert (b"good morning" in content) is not whole
