"""Hearts in a room: what the wearer learns, and what nobody else can."""

from __future__ import annotations

import gc
import json
import logging
from pathlib import Path

import pytest

from engine.domain import commands as c
from engine.domain.heart.stream import Stream
from engine.domain.session import Role
from engine.storage.opening import database_of
from engine.storage.sqlite import FILE_NAME
from tests.realtime.studio import Client, Studio

# No other number in a session looks like these.
TELLTALE = (913.0078125, 871.9921875)
SECRETS = ("913.007", "871.992", "rmssd", "own_metrics", "sdnn")


async def wearing(studio: Studio, client_id: str, *, vouched: bool = True) -> Client:
    """Somebody with a strap, all consents given."""
    client = await studio.join(client_id)
    await client.send("consent", {"heart_rate": True, "group": True, "version": "1"}, id="consent")
    await client.until("ack", reply_to="consent")
    if vouched:
        await studio.directory.ask("s", c.Vouch(client_id, True), c.Sender(Role.ADMIN))
    return client


async def beat(studio: Studio, clients: list[Client], seconds: int) -> None:
    """Let hearts beat for a while: one message per person and step, the time jumping between them."""
    for step in range(0, seconds, 4):
        for number, client in enumerate(clients):
            base = TELLTALE if number == 0 else (820.0 + 7 * number, 864.0 + 5 * number)
            rr = [base[(step + beat) % 2] for beat in range(4)]
            await client.send("heart_rate", {"rr": rr})
        for client in clients:
            await client.settled()
        studio.clock.jump(4_000)


def streams() -> int:
    """How many straps' beats are in memory."""
    gc.collect()
    return sum(type(one) is Stream for one in gc.get_objects())


def everything(client: Client) -> str:
    return json.dumps([client.welcome, *client.inbox])


def on_disk(data: Path) -> bytes:
    """The database with its log, as bytes."""
    return b"".join(file.read_bytes() for file in data.glob(f"{FILE_NAME}*"))


async def test_only_the_wearer_learns_their_own_figure(
    studio: Studio, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither participants, observers, instructors, the journal nor the log hold one person's figure."""
    with caplog.at_level(logging.DEBUG):
        ivy = await studio.join("ivy", role="instructor", key=True)
        eye = await studio.join("eye", role="observer")
        people = [await wearing(studio, f"p{number}") for number in range(6)]
        bare = await studio.join("bare")
        await ivy.send("start", {}, id="start")
        await ivy.until("ack", reply_to="start")
        await beat(studio, people, 240)
        own = await people[0].until("own_metrics", state="ready")
        assert own["content"]["rmssd"] > 0
        assert (await bare.until("metrics_update"))["content"]["participants"] == 7
        for other in (ivy, eye, bare):
            await other.settled()
            assert not [secret for secret in SECRETS if secret in everything(other)]
        assert "913.007" not in everything(people[1])
        again = await studio.join("again", role="instructor", key=True)
        assert any(point["hrv_improvement"] is not None for point in again.welcome["curves"])
        assert "curves" not in bare.welcome
        await ivy.send("end", {})
        await bare.until("session_ending")
    view = await studio.directory.view("s")
    assert view is not None
    written = on_disk(studio.data)
    for secret in SECRETS:
        assert secret.encode() not in written
        assert secret not in caplog.text
        assert secret not in json.dumps(await studio.directory.replay("s", 1000))


async def test_four_false_straps_reveal_nothing(studio: Studio) -> None:
    """Straps count with a vouched seat only: four strangers beside one person make no group."""
    ivy = await studio.join("ivy", role="instructor", key=True)
    real = await wearing(studio, "real")
    false = [await wearing(studio, f"false{number}", vouched=False) for number in range(4)]
    await ivy.send("start", {}, id="start")
    await ivy.until("ack", reply_to="start")
    await beat(studio, [real, *false], 240)
    await real.until("own_metrics", state="ready")
    shown = [message["content"] for message in ivy.inbox if message["type"] == "metrics_update"]
    assert shown
    for figures in shown:
        assert figures["hrv_improvement"] is None
        assert figures["coherence"] is None
        assert figures["synchrony"] is None


async def test_consent_comes_first_and_can_be_taken_back(studio: Studio) -> None:
    """Heart data before a consent, or after its end, is refused and not used."""
    ada = await studio.join("ada")
    await ada.send("heart_rate", {"rr": [800]}, id="early")
    assert (await ada.until("error", reply_to="early"))["code"] == "consent_required"
    await ada.send("consent", {"heart_rate": True, "group": False, "version": "1"}, id="yes")
    await ada.until("ack", reply_to="yes")
    await ada.send("heart_rate", {"rr": [800]}, id="now")
    await ada.until("ack", reply_to="now")
    await ada.send("consent", {"heart_rate": False, "group": False, "version": "1"}, id="no")
    await ada.until("ack", reply_to="no")
    await ada.send("heart_rate", {"rr": [800]}, id="late")
    assert (await ada.until("error", reply_to="late"))["code"] == "consent_required"


async def test_glitches_of_a_sensor_are_dropped_and_counted(studio: Studio) -> None:
    """A rate that no heart can have, 30 times in a minute: its wearer stays, and nothing of it is used."""
    ada = await wearing(studio, "ada")
    for number in range(30):
        await ada.send("heart_rate", {"rr": [800.0], "bpm": 72})
        await ada.send("heart_rate", {"rr": [1300.0], "bpm": 65_535}, id=f"glitch-{number}")
        await ada.until("ack", reply_to=f"glitch-{number}")
        studio.clock.jump(2_000)
    counted = studio.registry.get_sample_value
    assert counted("halcytone_beats_total", {"possible": "yes"}) == 30
    assert counted("halcytone_beats_total", {"possible": "no"}) == 30
    await ada.send("heartbeat", {}, id="still here")
    await ada.until("heartbeat_ack")


async def test_own_figures_are_written_only_for_whoever_asked(studio: Studio) -> None:
    """An address left during the session brings one's own figures at the end; nobody else's are kept, nor beats."""
    ivy = await studio.join("ivy", role="instructor", key=True)
    people = [await wearing(studio, "asks"), await wearing(studio, "silent")]
    await ivy.send("start", {}, id="start")
    await ivy.until("ack", reply_to="start")
    await studio.directory.ask("s", c.LeaveAddress("asks@example.org"), c.Sender(Role.PARTICIPANT, "asks"))
    await beat(studio, people, 240)
    await people[0].until("own_metrics", state="ready")
    assert streams() == 2
    own = await studio.directory.own_figures("s", "silent")
    assert own is not None
    assert own["state"] == "ready"
    await ivy.send("end", {})
    await ivy.until("session_ending")
    view = await studio.directory.view("s")
    assert view is not None
    assert (await studio.directory.own_figures("s", "asks")) is None
    assert streams() == 0
    assert "improvement" in json.loads(view.people["asks"].own_summary or "{}")
    assert view.people["silent"].own_summary is None


async def test_withdrawal_reaches_the_older_versions_of_a_story(studio: Studio) -> None:
    """A quote that is taken back stands in no snapshot any more, and its author's row is gone."""
    ada = await studio.join("ada", name="Ada Unforgotten")
    ivy = await studio.join("ivy", role="instructor", key=True)
    await ivy.send("start", {}, id="start")
    await ivy.until("ack", reply_to="start")
    said = {"rating": 5, "comment": "A telltale remark", "publish_quote": True, "publish_name": True}
    await ada.send("session_feedback", said)
    await ada.until("feedback_received")
    await ivy.send("end", {})
    await ivy.until("session_ending")
    await studio.directory.withdraw("s", "ada")
    with database_of(studio.data).connect() as database:
        stories = [
            row["document"] for row in database.rows("SELECT document FROM snapshots ORDER BY version")
        ]
        people = [row["client_id"] for row in database.rows("SELECT client_id FROM people")]
    assert len(stories) == 2
    assert not any("telltale" in story or "Unforgotten" in story for story in stories)
    assert "ada" not in people
