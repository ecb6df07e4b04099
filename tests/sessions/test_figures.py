"""The group's figures as everybody gets them: when, how often, and of which moment."""

from __future__ import annotations

from engine.domain import commands as c
from engine.domain.group_metrics import group_metrics
from tests.realtime.studio import Client, Studio
from tests.sessions.test_hearts import beat, wearing


async def five(studio: Studio) -> list[Client]:
    """As many as figures need, in a session that is live."""
    people = [await studio.join(f"p{number}") for number in range(5)]
    await studio.command(c.Start())
    return people


async def test_who_sends_something_is_in_the_next_figures(studio: Studio) -> None:
    """Frames, welcomes and the API say the same, from the tick after it on."""
    people = await five(studio)
    await people[0].send("raise_hand", {"raised": True})
    await people[0].settled()
    studio.clock.jump(5_100)
    assert (await people[4].until("metrics_update"))["content"]["engagement_rate"] == 0.2
    for person in people[1:3]:
        await person.send("chat", {"message": "hi"})
        await person.until("message_sent")
    studio.clock.jump(5_100)
    assert (await people[4].until("metrics_update", 2))["content"]["engagement_rate"] == 0.6
    watching = await studio.join(role="observer")
    assert watching.welcome["metrics"]["engagement_rate"] == 0.6
    assert group_metrics(await studio.state(), studio.clock.now())["engagement_rate"] == 0.6


async def test_whoever_comes_gets_the_next_figures_and_not_the_last_ones_again(studio: Studio) -> None:
    """At most one frame a second: the welcome has what was shown before it. The next tick is for them, though
    nothing has changed."""
    people = await five(studio)
    studio.clock.jump(5_100)
    await people[0].until("metrics_update")
    watching = await studio.join(role="observer")
    assert watching.welcome["metrics"]["completion_rate"] == 1.0
    await people[1].send("chat", {"message": "hi"})
    await watching.until("chat_message")
    await watching.settled()
    assert "metrics_update" not in [message["type"] for message in watching.inbox]
    studio.clock.jump(5_100)
    received = await watching.until("metrics_update")
    assert received["content"]["engagement_rate"] == 0.2
    again = await studio.join(role="observer")
    studio.clock.jump(5_100)
    assert (await again.until("metrics_update"))["content"] == received["content"]
    await again.settled()
    assert [message["type"] for message in again.inbox].count("metrics_update") == 1


async def test_figures_of_hearts_are_in_whole_percent(studio: Studio) -> None:
    """Both are of the group, and in whole percent."""
    people = [await wearing(studio, f"p{number}") for number in range(5)]
    await studio.command(c.Start())
    await beat(studio, people, 270)
    shown = [message["content"] for message in people[0].inbox if message["type"] == "metrics_update"]
    known = [figures for figures in shown if figures["hrv_improvement"] is not None]
    assert known[-1]["average_hrv"] is not None
    for figures in known:
        for name in ("average_hrv", "hrv_improvement", "current_hrv_improvement"):
            assert isinstance(figures[name], int | None), name
