"""What instructors do, and who learns of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from engine.domain import commands as c
from engine.domain.instant import from_datetime
from engine.domain.session import TechniquePlan
from tests.realtime.studio import Client, Studio


async def lead(studio: Studio, session_id: str = "s") -> Client:
    """An instructor in a session that has started."""
    ivy = await studio.join("ivy", session_id=session_id, role="instructor", key=True)
    await ivy.send("start")
    await ivy.until("session_update", update_type="session_started")
    return ivy


def instant(text: str) -> int:
    return from_datetime(datetime.fromisoformat(text))


def kinds(client: Client) -> list[str]:
    return [message["type"] for message in client.inbox]


async def test_a_start_is_told_to_everybody(studio: Studio) -> None:
    """Its sender included, with title and instructor; and acknowledged by its id."""
    ada = await studio.join("ada")
    ivy = await studio.join("ivy", role="instructor", key=True)
    await ivy.send("start", id="1")
    received = [await client.until("session_update") for client in (ada, ivy)]
    assert received[0] == received[1]
    assert received[0]["update_type"] == "session_started"
    assert received[0]["content"]["title"] == "Morning"
    ack = await ivy.until("ack")
    assert (ack["reply_to"], ack["seq"]) == ("1", received[0]["seq"])


async def test_a_second_start_is_an_error_that_closes_nothing(studio: Studio) -> None:
    """The refusal names what it answers."""
    ivy = await lead(studio)
    await ivy.send("start", id="again")
    error = await ivy.until("error")
    assert error["content"]["code"] == "already_live"
    assert error["reply_to"] == "again"
    await ivy.settled()


async def test_a_technique_is_announced_three_seconds_ahead(studio: Studio) -> None:
    """So that every pacer knows in time; with its pattern, and in a later welcome as what comes next."""
    ivy = await lead(studio)
    ada = await studio.join("ada")
    before = studio.clock.now()
    await ivy.send("change_technique", {"technique": "box breathing", "duration": 240, "instruction": "Sit."})
    content = (await ada.until("technique_changed"))["content"]
    assert content["technique"] == "Box Breathing"
    assert content["duration"] == 240
    assert content["instruction"] == "Sit."
    assert content["pattern"]["cycle_ms"] == 16_000
    assert instant(content["started_at"]) >= before + 3000
    newcomer = await studio.join("bob")
    assert newcomer.welcome["technique"] is None
    assert newcomer.welcome["next_technique"]["started_at"] == content["started_at"]
    studio.clock.jump(4000)
    assert (await studio.join("cem")).welcome["technique"]["technique"] == "Box Breathing"


async def test_a_change_lands_at_the_end_of_a_breath(studio: Studio) -> None:
    """A whole number of cycles after the technique under way began."""
    ivy = await lead(studio)
    await ivy.send("change_technique", {"technique": "Box Breathing"})
    first = instant((await ivy.until("technique_changed"))["content"]["started_at"])
    studio.clock.jump(30_000)
    before = studio.clock.now()
    await ivy.send("change_technique", {"technique": "Coherent Breathing"})
    second = instant((await ivy.until("technique_changed", 2))["content"]["started_at"])
    assert (second - first) % 16_000 == 0
    assert before + 3000 <= second <= before + 3000 + 16_500


async def test_rest_and_practice_are_told_once(studio: Studio) -> None:
    """A second rest changes nothing, and is acknowledged all the same."""
    ivy = await lead(studio)
    for number, kind in enumerate(("rest", "rest", "resume_practice", "resume_practice")):
        await ivy.send(kind, id=str(number))
        await ivy.until("ack", reply_to=str(number))
    received = [m["update_type"] for m in ivy.inbox if m["type"] == "session_update"]
    assert received == ["session_started", "resting", "practice_resumed"]


async def test_an_announcement_comes_once_waiting_or_live(studio: Studio) -> None:
    """As a session_update with title and message."""
    ivy = await studio.join("ivy", role="instructor", key=True)
    ada = await studio.join("ada")
    await ivy.send("announce", {"title": "Soon", "message": "Sit well.", "action_url": "/x"})
    received = await ada.until("session_update")
    assert received["update_type"] == "announcement"
    assert received["content"] == {"title": "Soon", "message": "Sit well.", "action_url": "/x"}
    await ada.settled()
    assert kinds(ada).count("session_update") == 1


async def test_an_achievement_is_told_to_everybody(studio: Studio) -> None:
    """While the session is live."""
    ivy = await lead(studio)
    await ivy.send("unlock_achievement", {"title": "Together", "description": "A minute in step"})
    received = await ivy.until("session_update", update_type="achievement_unlocked")
    assert received["content"] == {"title": "Together", "description": "A minute in step"}


async def test_whoever_is_removed_stays_out(studio: Studio) -> None:
    """Announced as left, to themselves too; closed with 4506, and refused with it whatever they bring."""
    ivy = await lead(studio)
    bob = await studio.join("bob")
    await ivy.send("remove_participant", {"client_id": "bob"})
    assert await bob.closed() == 4506
    assert (bob.inbox[-1]["type"], bob.inbox[-1]["seq"]) == ("participant_left", bob.welcome["seq"] + 1)
    assert (await ivy.until("participant_left"))["content"]["count"] == 0
    refused = await studio.turned_away("bob", resume=bob.welcome["resume"])
    assert refused.code == 4506
    assert refused.error["code"] == "removed"


async def test_whoever_has_left_is_removed_without_a_word(studio: Studio) -> None:
    """Nobody hears of it but the instructor, and they stay out."""
    ivy = await lead(studio)
    bob = await studio.join("bob")
    await bob.leave()
    await ivy.until("participant_left")
    await ivy.send("remove_participant", {"client_id": "bob"}, id="out")
    await ivy.until("ack", reply_to="out")
    assert (await studio.turned_away("bob", resume=bob.welcome["resume"])).error["code"] == "removed"
    await ivy.settled()
    assert [message["type"] for message in ivy.inbox].count("participant_left") == 1


async def test_only_participants_are_removed(studio: Studio) -> None:
    """Nor anybody who is not there."""
    ivy = await lead(studio)
    for client_id, code in (("ivy", "forbidden"), ("nobody", "unknown_client")):
        await ivy.send("remove_participant", {"client_id": client_id}, id=client_id)
        assert (await ivy.until("error", reply_to=client_id))["content"]["code"] == code


async def test_a_locked_door_lets_back_who_lost_the_network(studio: Studio) -> None:
    """Newcomers and those who left are refused with 4509, watchers too; staff always fit."""
    ivy = await lead(studio)
    ada, bob, cem = [await studio.join(name) for name in ("ada", "bob", "cem")]
    await studio.lost(bob)
    await studio.lost(ada)
    studio.clock.jump(21_000)
    await ivy.until("participant_left", 2)
    await cem.leave()
    await ivy.until("participant_left", 3)
    await ivy.send("lock", {"locked": True})
    await ivy.until("session_update", update_type="locked", locked=True)
    for who in (
        {"client_id": "dan"},
        {"role": "observer"},
        {"client_id": "cem", "resume": cem.welcome["resume"]},
    ):
        refused = await studio.turned_away(**who)
        assert refused.code == 4509
        assert refused.error["code"] == "locked"
    assert (await studio.join("ada", resume=ada.welcome["resume"])).welcome["participant_count"] == 1
    assert (await studio.join("bob", resume=bob.welcome["resume"])).welcome["locked"] is True
    assert (await studio.join("eve", role="instructor", token=studio.token("instructor"))).welcome
    await ivy.send("lock", {"locked": False})
    await ivy.until("session_update", update_type="locked", locked=False)
    assert (await studio.join("dan")).welcome["participant_count"] == 3


async def test_chat_is_switched_for_everybody(studio: Studio) -> None:
    """Off, a message is refused; the switch itself is told."""
    ivy = await lead(studio)
    ada = await studio.join("ada")
    await ivy.send("chat", {"enabled": False})
    assert (await ada.until("session_update", update_type="chat_switched"))["content"] == {"chat": False}
    await ada.send("chat", {"message": "hi"}, id="1")
    error = await ada.until("error")
    assert error["content"]["code"] == "chat_off"
    assert error["reply_to"] == "1"
    assert (await studio.join("bob")).welcome["chat"] is False
    await ivy.send("chat", {"enabled": True})
    await ada.until("session_update", 2, update_type="chat_switched")
    await ada.send("chat", {"message": "hi"})
    await ivy.until("chat_message")


async def test_an_end_is_told_then_closes_with_1000(studio: Studio) -> None:
    """Everybody gets session_ending first; a second end over HTTP is harmless."""
    ivy = await lead(studio)
    ada = await studio.join("ada")
    await ivy.send("end", id="e")
    assert await ada.closed() == 1000
    assert await ivy.closed() == 1000
    ending = ada.inbox[-1]
    assert ending["type"] == "session_ending"
    assert ending["content"]["summary_available"] is True
    assert ending["content"]["duration"] >= 1
    assert (await studio.command(c.End())).state.phase == "ended"


async def test_participants_do_not_lead(studio: Studio) -> None:
    """Each command of staff is forbidden to them, and their socket stays usable."""
    ada = await studio.join("ada")
    for number, (kind, data) in enumerate(
        [("start", {}), ("end", {}), ("lock", {"locked": True}), ("chat", {"enabled": False})]
    ):
        await ada.send(kind, data, id=str(number))
        assert (await ada.until("error", reply_to=str(number)))["content"]["code"] == "forbidden"
    await ada.settled()


async def test_techniques_that_need_consent_stand_in_the_plan(studio: Studio) -> None:
    """Opt-in techniques are refused unless planned, and some outside a room altogether."""
    ivy = await lead(studio)
    await ivy.send("change_technique", {"technique": "Wim Hof"}, id="1")
    assert (await ivy.until("error", reply_to="1"))["content"]["code"] == "not_in_plan"
    plan: dict[str, Any] = {"techniques": (TechniquePlan("Wim Hof"),)}
    for session_id, place, expected in (("far", "online", "room_only"), ("near", "room", None)):
        await studio.create(session_id, place=place, **plan)
        leader = await lead(studio, session_id)
        await leader.send("change_technique", {"technique": "Wim Hof"}, id="2")
        if expected is None:
            changed = await leader.until("technique_changed")
            assert changed["content"]["opt_in"] in ("A", "B")
            assert changed["content"]["gentle"]["technique"]
        else:
            assert (await leader.until("error", reply_to="2"))["content"]["code"] == expected


async def test_who_opts_in_is_remembered(studio: Studio) -> None:
    """Only for what is planned; a welcome says it again."""
    await studio.create("near", place="room", techniques=(TechniquePlan("Wim Hof"),))
    ada = await studio.join("ada", session_id="near")
    assert ada.welcome["plan"][0]["opt_in"] in ("A", "B")
    await ada.send("opt_in", {"technique": "wim hof", "accepted": True}, id="1")
    await ada.until("ack", reply_to="1")
    await ada.send("opt_in", {"technique": "Box Breathing", "accepted": True}, id="2")
    assert (await ada.until("error", reply_to="2"))["content"]["code"] == "nothing_to_opt_in"
    back = await studio.join("ada", session_id="near", resume=ada.welcome["resume"])
    assert back.welcome["opted_in"] == [ada.welcome["plan"][0]["technique"]]
