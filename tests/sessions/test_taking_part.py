"""What participants send, and who gets to see it."""

from __future__ import annotations

from engine.domain import commands as c
from tests.realtime.studio import Client, Studio
from tests.storage.rows import all_records


def kinds(client: Client) -> list[str]:
    return [message["type"] for message in client.inbox]


async def test_a_chat_goes_to_everybody_else(studio: Studio) -> None:
    """Its sender gets message_sent with its number, at the top level."""
    ada, bob = await studio.join("ada", name="Ada"), await studio.join("bob")
    watching = await studio.join(role="observer")
    await ada.send("chat", {"message": " Good morning "}, id="1")
    sent = await ada.until("message_sent")
    for client in (bob, watching):
        received = await client.until("chat_message")
        assert received["content"] == {"client_id": "ada", "name": "Ada", "message": "Good morning"}
        assert received["seq"] == sent["seq"]
    ack = await ada.until("ack")
    assert (ack["reply_to"], ack["seq"]) == ("1", sent["seq"])
    await ada.settled()
    assert "chat_message" not in kinds(ada)


async def test_a_name_may_be_given_later(studio: Studio) -> None:
    """By whoever comes back with one, whatever is known of them already; nothing of that is lost, nor the name."""
    bob = await studio.join("bob")
    ada = await studio.join("ada")
    await ada.send("consent", {"heart_rate": True, "group": False, "version": "1"}, id="1")
    await ada.until("ack")
    for name in ("Ada", "Eve"):
        back = await studio.join("ada", resume=ada.welcome["resume"], name=name)
        assert back.welcome["name"] == "Ada"
        assert back.welcome["consents"]["heart_rate"] is True
    await back.send("chat", {"message": "hi"})
    assert (await bob.until("chat_message"))["content"]["name"] == "Ada"
    await studio.restart()
    view = await studio.directory.view("s")
    assert view is not None
    assert (view.names["ada"], "heart_rate" in view.people["ada"].consents) == ("Ada", True)


async def test_who_gave_no_name_has_a_pseudonym(studio: Studio) -> None:
    """Friendly, and always the same."""
    ada, bob = await studio.join("ada"), await studio.join("bob")
    await bob.send("chat", {"message": "hi"})
    name = (await ada.until("chat_message"))["content"]["name"]
    assert name == bob.welcome["name"]
    assert len(name.split()) == 2


async def test_feedback_on_a_technique_is_for_staff(studio: Studio) -> None:
    """Its sender is told that it came; nobody else learns of it."""
    ivy = await studio.join("ivy", role="instructor", key=True)
    ada, bob = await studio.join("ada"), await studio.join("bob")
    await ada.send("technique_feedback", {"technique": "Tide", "rating": 4, "difficulty": 2})
    await ada.until("feedback_received")
    received = await ivy.until("technique_feedback")
    assert received["client_id"] == "ada"
    assert received["content"] == {"technique": "Tide", "rating": 4, "difficulty": 2}
    await bob.settled()
    assert "technique_feedback" not in kinds(bob) + kinds(ada)


async def test_a_raised_hand_is_for_staff(studio: Studio) -> None:
    """Unnumbered, and seen by staff who come later."""
    ivy = await studio.join("ivy", role="instructor", key=True)
    ada, bob = await studio.join("ada", name="Ada"), await studio.join("bob")
    await ada.send("raise_hand", {"raised": True}, id="1")
    await ada.until("ack", reply_to="1")
    received = await ivy.until("hand_raised")
    assert received["content"] == {"client_id": "ada", "name": "Ada", "raised": True}
    assert "seq" not in received
    await bob.settled()
    assert "hand_raised" not in kinds(bob)
    later = await studio.join("eve", role="instructor", key=True)
    assert [person["hand"] for person in later.welcome["participants"]] == [True, False]
    assert "participants" not in (await studio.join("cem")).welcome


async def test_who_needs_to_stop_tells_staff_alone(studio: Studio) -> None:
    """Nobody else in the room is made to worry."""
    ivy = await studio.join("ivy", role="instructor", key=True)
    ada, bob = await studio.join("ada"), await studio.join("bob")
    await ada.send("need_to_stop", id="1")
    await ada.until("ack", reply_to="1")
    assert (await ivy.until("need_to_stop"))["content"]["client_id"] == "ada"
    await bob.settled()
    assert "need_to_stop" not in kinds(bob)


async def test_staff_who_come_later_get_what_the_others_saw(studio: Studio) -> None:
    """Chat, ratings, what was practised, who stopped, and the words on the screens; participants get the words alone."""
    ivy = await studio.join("ivy", role="instructor", key=True)
    ada, bob = await studio.join("ada", name="Ada"), await studio.join("bob", name="Bob")
    await ivy.send("start", id="1")
    await ivy.send("change_technique", {"technique": "Box Breathing", "duration": 60}, id="2")
    await ivy.until("ack", reply_to="2")
    await ada.send("chat", {"message": "Good morning"})
    await ada.send("technique_feedback", {"technique": "Box Breathing", "rating": 4})
    await ada.send("need_to_stop", id="3")
    await bob.send("need_to_stop", id="4")
    await bob.send("need_to_stop", {"stopped": False}, id="5")
    await ada.until("ack", reply_to="3")
    await bob.until("ack", reply_to="5")
    assert (await ivy.until("need_to_stop", 3))["content"]["stopped"] is False
    await ivy.send("announce", {"title": "Ivy", "message": "Let the shoulders sink."}, id="6")
    await ivy.until("ack", reply_to="6")
    seq = (await ivy.until("chat_message"))["seq"]
    later = (await studio.join("eve", role="instructor", key=True)).welcome
    said = {"seq": seq, "client_id": "ada", "name": "Ada", "message": "Good morning"}
    assert later["chat_log"] == [said]
    rated = {"client_id": "ada", "technique": "Box Breathing", "rating": 4}
    assert later["technique_ratings"] == [rated]
    # It begins in some seconds.
    assert later["practised"] == []
    assert [person["stopped"] for person in later["participants"]] == [True, False]
    assert later["announcement"] == {"title": "Ivy", "message": "Let the shoulders sink."}
    cem = (await studio.join("cem")).welcome
    assert cem["announcement"] == later["announcement"]
    assert not {"chat_log", "technique_ratings", "practised", "participants"} & cem.keys()
    back = await studio.join("ada", resume=ada.welcome["resume"])
    assert back.welcome["stopped"] is True


async def test_a_rating_of_the_session_is_kept(studio: Studio) -> None:
    """A later one replaces it; the words stand with the person, not in the journal."""
    ada = await studio.join("ada")
    await ada.send("session_feedback", {"rating": 3})
    await ada.send("session_feedback", {"rating": 5, "comment": "Calm", "publish_quote": True})
    await ada.until("feedback_received", 2)
    view = await studio.directory.view("s")
    assert view is not None
    assert view.state.members["ada"].rating == 5
    assert view.people["ada"].comment == "Calm"
    records = await all_records(studio.journal, "s")
    assert not [record for record in records if b"Calm" in record.event]


async def test_heart_data_needs_a_consent_before_it(studio: Studio) -> None:
    """Until then each message is an error, and nothing is measured."""
    ada = await studio.join("ada")
    await ada.send("heart_rate", {"rr": [812.5, 820.0]}, id="1")
    error = await ada.until("error")
    assert error["content"]["code"] == "consent_required"
    assert error["reply_to"] == "1"
    await ada.send("consent", {"heart_rate": True, "group": True, "version": "1"}, id="2")
    await ada.until("ack", reply_to="2")
    await ada.send("heart_rate", {"rr": [812.5, 820.0]}, id="3")
    await ada.until("ack", reply_to="3")
    back = await studio.join("ada", resume=ada.welcome["resume"])
    assert back.welcome["consents"] == {"heart_rate": True, "group": True}
    await back.send("consent", {"heart_rate": False, "group": False, "version": "1"}, id="4")
    await back.until("ack", reply_to="4")
    await back.send("heart_rate", {"rr": [812.5]}, id="5")
    assert (await back.until("error", reply_to="5"))["content"]["code"] == "consent_required"


async def test_own_figures_are_shown_to_oneself_only(studio: Studio) -> None:
    """At the tick of the group's figures, while one's strap beats."""
    ivy = await studio.join("ivy", role="instructor", key=True)
    ada, bob = await studio.join("ada"), await studio.join("bob")
    await ivy.send("start")
    await ada.until("session_update")
    await ada.send("consent", {"heart_rate": True, "group": True, "version": "1"})
    await ada.send("heart_rate", {"rr": [812.5, 820.0, 830.0]}, id="1")
    await ada.until("ack")
    studio.clock.jump(5_100)
    assert "heart_rate" in (await ada.until("own_metrics"))["content"]
    for client in (bob, ivy):
        await client.until("metrics_update")
        await client.settled()
        assert "own_metrics" not in kinds(client)


async def test_figures_that_a_client_computed_are_shown_to_itself(studio: Studio) -> None:
    """And never counted."""
    ada, bob = await studio.join("ada"), await studio.join("bob")
    await ada.send("hrv_update", {"hrv_value": 42.5, "improvement": 12.0}, id="1")
    received = await ada.until("own_metrics")
    assert received["content"]["hrv_value"] == 42.5
    await bob.settled()
    assert "own_metrics" not in kinds(bob)
    assert (await studio.state()).curves == ()


async def test_group_figures_come_unnumbered_and_at_most_one_a_second(studio: Studio) -> None:
    """Everybody gets the same; under five people the computed ones are empty; staff see a score too.

    Figures that stand still are told again every half minute only.
    """
    ivy = await studio.join("ivy", role="instructor", key=True)
    ada = await studio.join("ada")
    await ivy.send("start")
    await ada.until("session_update")
    studio.clock.jump(5_100)
    for number in range(1, 4):
        await ada.until("metrics_update", number)
        await ivy.until("metrics_update", number)
        for _ in range(6 if number < 3 else 3):  # Nothing changes in these 30 and 15 seconds.
            studio.clock.jump(5_100)
            await ada.settled()
    received = await ada.until("metrics_update", 3)
    assert "seq" not in received
    assert received["content"]["participants"] == 1
    assert received["content"]["hrv_improvement"] is None
    assert received["content"]["completion_rate"] is None
    assert "quality_score" not in received["content"]
    assert "quality_score" in (await ivy.until("metrics_update", 3))["content"]
    assert kinds(ada).count("metrics_update") == 3
    bob = await studio.join("bob")
    studio.clock.jump(5_100)
    assert (await ada.until("metrics_update", 4))["content"]["participants"] == 2
    assert (await bob.until("metrics_update"))["content"]["participants"] == 2  # None from before he came.


async def test_a_heartbeat_is_answered_with_time_and_position(studio: Studio) -> None:
    """A client that is behind that position has missed something."""
    ada = await studio.join("ada")
    await studio.join("bob")
    await ada.until("participant_joined")
    await ada.send("heartbeat", id="1")
    answer = await ada.until("heartbeat_ack")
    assert answer["content"]["seq"] == 2
    assert answer["content"]["server_time"].endswith("Z")
    assert answer["reply_to"] == "1"


async def test_observers_only_listen(studio: Studio) -> None:
    """Heartbeats are all that they may send."""
    watching = await studio.join(role="observer")
    for number, (kind, data) in enumerate(
        [("chat", {"message": "x"}), ("raise_hand", {"raised": True}), ("heart_rate", {"rr": [800.0]})]
    ):
        await watching.send(kind, data, id=str(number))
        assert (await watching.until("error", reply_to=str(number)))["content"]["code"] == "forbidden"
    await watching.settled()


async def test_observers_and_staff_come_and_go_unannounced(studio: Studio) -> None:
    """Only participants make joined and left, and only they are counted."""
    ada = await studio.join("ada")
    watching = await studio.join(role="observer")
    ivy = await studio.join("ivy", role="instructor", key=True)
    await watching.leave()
    await ivy.leave()
    bob = await studio.join("bob")
    assert bob.welcome["participant_count"] == 2
    assert (await ada.until("participant_joined"))["seq"] == ada.welcome["seq"] + 1


async def test_who_sent_something_is_engaged_however_short_they_stayed(studio: Studio) -> None:
    """Counted at the end of the session, also when it ends by itself."""
    ada = await studio.join("ada")
    await studio.join("bob")
    await studio.command(c.Start())
    await ada.send("chat", {"message": "hi"})
    await ada.until("message_sent")
    studio.clock.jump(7_200_000)
    assert await ada.closed() == 1000
    members = (await studio.state()).members
    assert members["ada"].engaged
    assert not members["bob"].engaged


async def test_a_welcome_has_the_figures_of_this_moment(studio: Studio) -> None:
    """What a platform has stated since the last tick is in it; people are counted as they are."""
    ivy = await studio.join("ivy", role="instructor", key=True)
    ada = await studio.join("ada")
    await ivy.send("start")
    studio.clock.jump(5_100)
    await ada.until("metrics_update")
    await studio.command(c.ReportMilestone(15.5))
    bob = await studio.join("bob")
    assert bob.welcome["metrics"]["hrv_improvement"] == 15.5
    assert bob.welcome["metrics"]["participants"] == 2
