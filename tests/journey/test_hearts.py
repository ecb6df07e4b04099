"""Straps on real sockets, a real publisher, and people who take back what they gave."""

from __future__ import annotations

import asyncio
import json
import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from engine.api.routes import ENDPOINTS
from engine.domain.instant import HOUR
from engine.operations import maintenance
from engine.realtime import room as realtime_room
from engine.sessions.figures import telemetry
from tests.heart.reader import fewest_told_of
from tests.journey.hearts import KEY, Person, Room, Wearer, room_of_hearts

pytestmark = pytest.mark.long
ME = "/api/v2/sessions/hearts/me"


@pytest.fixture(autouse=True, scope="module")
def _restless_rooms() -> Iterator[None]:
    """Rooms write at the end of each tick; and who stands in which part is known beforehand: by their names."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(realtime_room, "_LONGEST_REST", 0.0)
        patch.setattr(telemetry, "_unpredictable_order", lambda salt: str)
        yield


@pytest.mark.timeout(120)
async def test_a_withdrawal_is_followed_everywhere(tmp_path: Path) -> None:
    """During the session and after it: story, page, feed, drafts, analytics and database know the rest alone."""
    async with room_of_hearts(tmp_path / "data") as room:
        # Three parts of five; in the first and the second is one whose heart changed far more than the others'.
        people = [
            await room.wear(f"p{number:02d}", 20, 100 if number in (0, 5) else 22) for number in range(15)
        ]
        bare = await room.join("bare")
        leader = await room.lead(people)
        await people[0].client.send("chat", message="A secret for the room")
        await room.beat(300)
        # Coherence, which a thread computes, is told of all three parts too before anybody withdraws.
        async with asyncio.timeout(30):
            while not groups_in_journal(room, "coherence"):
                await room.beat(8)
        everybody = shown(bare)[-1]
        assert everybody == pytest.approx(percent(people), abs=2)

        # During the session: the figure goes on over the two parts that are left.
        assert (await room.api.delete(ME, headers=people[0].headers)).json() == {"status": "withdrawn"}
        said = await room.api.get("/api/v2/sessions/hearts/content?include_replay=true")
        assert "chat_message" in said.text
        assert "secret" not in said.text
        await bare.settled()
        seen = len(shown(bare))
        await room.beat(64)
        assert shown(bare)[-1] == pytest.approx(percent(people[5:]), abs=2)
        assert everybody not in shown(bare)[seen:]
        await leader.send("end")
        await leader.until("session_ending")
        await room.published(1)
        first = room.stories()[0]
        assert curve(first)[-1] == pytest.approx(percent(people[5:]), abs=2)
        assert everybody not in curve(first)
        assert counted(room) == {wearer.client_id for wearer in people[5:]}
        reply = re.compile(rf"\b{first['average_hrv_improvement']:g} ?%".encode())
        files = room.on_disk()
        assert [name for name in room.artefacts() if reply.search(files[name])]
        ((document,),) = room.rows("SELECT document FROM snapshots")
        points = document[document.index('"curves":') : document.index('"milestones":')].encode()
        assert points in b"".join(files.values())

        # After it: the last part alone.
        done = await room.api.delete(ME, headers=people[5].headers)
        assert done.status_code == 200, done.text
        await room.published(2)
        old, second = room.stories()
        assert (old["average_hrv_improvement"], old["curves"]) == (None, [])
        assert curve(second)[-1] == pytest.approx(percent(people[10:]), abs=2)
        assert second["average_hrv_improvement"] < first["average_hrv_improvement"] - 5
        assert counted(room) == {wearer.client_id for wearer in people[10:]}
        kept = (await room.api.get("/api/v2/analytics/sessions")).json()["sessions"]
        assert [row["average_hrv_improvement"] for row in kept] == [second["average_hrv_improvement"]]
        files = room.on_disk()
        assert not [name for name in room.artefacts() if reply.search(files[name])]
        await room.gone(points)

        # One of these five takes the consent back: no figure, and a page that is whole without one.
        changed = {"heart_rate": True, "group": False, "version": "1"}
        await room.api.put(f"{ME}/consent", headers=people[14].headers, json=changed)
        await room.published(3)
        assert [(story["average_hrv_improvement"], curve(story)) for story in room.stories()] == [
            (None, [])
        ] * 3
        assert counted(room) == set()
        page = (room.data / "public/sessions/hearts/index.html").read_text()
        assert "An evening of hearts" in page
        assert "improvement" not in page.lower()
        ((state,),) = room.rows("SELECT state FROM state_snapshots")
        assert b'"x":0' not in state
        # Whoever reads the log solves for nobody, and for no four.
        for figure in ("hrv_improvement", "coherence"):
            groups = groups_in_journal(room, figure)
            assert len(groups) >= 4
            assert fewest_told_of(groups, 5) == 5


def addresses() -> Iterator[str]:
    """Every question that the API answers, and what a browser asks for."""
    flags = [f"{name}={value}" for name in ("metrics", "replay", "summary") for value in ("true", "false")]
    queries = {
        "content": [
            "&".join(f"include_{flag}" for flag in flags[::2]),
            *(f"include_{flag}" for flag in flags),
        ],
        "live": ["include_metrics=true", "include_metrics=false"],
        "analytics/sessions": ["format=json", "format=csv"],
        "me": ["format=json", "format=csv", "client_id=victim"],
        "sessions": [f"phase={phase}" for phase in ("live", "ended", "published")],
    }
    for endpoint in ENDPOINTS:
        if endpoint.method == "GET":
            path = re.sub(r"\{\w+\}", "hearts", endpoint.path)
            yield path
            for query in next((found for end, found in queries.items() if path.endswith(f"/{end}")), ()):
                yield f"{path}?{query}"
    yield "/api/openapi.json"
    yield from ("/", "/sessions/hearts/", "/sessions/join/hearts", "/wall/hearts", "/console", "/feed.xml")


@pytest.mark.timeout(120)
@pytest.mark.parametrize("group", ["eleven vouched for", "one beside four false straps"])
async def test_nobody_asks_one_persons_figure_out_of_the_server(
    tmp_path: Path, group: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """With no credential or any: no address answers, no log line or file holds, what one strap gave but its owner's me."""
    async with room_of_hearts(tmp_path / "data") as room:
        victim = await room.wear("victim", 71.3, 187.9)
        await room.api.put(f"{ME}/email", headers=victim.headers, json={"address": "victim@example.org"})
        others = 10 if group.startswith("eleven") else 4
        people = [await room.wear(f"other{number}", 20, 22) for number in range(others)]
        leader = await room.lead([victim, *people] if others == 10 else [victim])
        secrets = {
            "nobody": None,
            "somebody else": people[0].client.welcome["resume"],
            "an observer": room.tokens["observer"],
            "a participant": room.tokens["participant"],
            "the instructor": room.tokens["instructor"],
            "the administrator": KEY,
            "a guess": "r1.dmljdGlt.AAAAAAAAAAAAAAAAAAAAAA",
        }

        async def asked_by_everybody(telltale: re.Pattern[str]) -> None:
            for who, secret in secrets.items():
                headers = {} if secret is None else {"Authorization": f"Bearer {secret}"}
                for address in addresses():
                    status, text = await room.answer(address, headers)
                    assert status in (200, 301, 302, 400, 401, 403, 404), (who, address)
                    found = telltale.findall(_without_drawings(text))
                    assert not found, (who, address, found)
                    if address.startswith(ME) and who != "somebody else":
                        assert status in (400, 401, 403), (who, address)
                        assert "victim" not in text.replace("client_id", "")
            for address in addresses():
                _, text = await room.answer(address, victim.headers)
                assert address.startswith(ME) or not telltale.findall(_without_drawings(text)), address

        await room.beat(260)
        assert telltales(victim).pattern.count("|") > 3
        own = (await room.api.get(ME, headers=victim.headers)).json()["own_figures"]
        assert own["improvement"] > 100
        assert (await room.api.get(ME, headers=people[0].headers)).json()["own_figures"]["improvement"] < 100
        await asked_by_everybody(telltales(victim))
        await leader.send("end")
        await leader.until("session_ending")
        await room.published(1)
        known = (await room.api.get(ME, headers=victim.headers)).json()
        assert known["own_figures"] is None
        mine = known["own_summary"]
        telltale = telltales(victim, mine["rmssd"], mine["improvement"])
        assert telltale.search((await room.api.get(f"{ME}?format=csv", headers=victim.headers)).text)
        await asked_by_everybody(telltale)
        ((reply,),) = room.rows("SELECT document FROM snapshots")
        assert (json.loads(reply)["average_hrv_improvement"] is None) == (others == 4)
        written = [bytes(row[0]) for row in room.rows("SELECT event FROM journal")]
        written += [bytes(row[0]) for row in room.rows("SELECT state FROM state_snapshots")]
        files = room.on_disk()
        written += [reply.encode(), *(files[name] for name in room.artefacts())]
        for text in written:
            assert not telltale.findall(_without_drawings(text.decode(errors="replace")))
    printed = "".join(capfd.readouterr())
    assert "path=/api/v2" in printed
    assert not telltale.findall(re.sub(r"\bms=\S+", "", printed))


def _without_drawings(text: str) -> str:
    """Curves are drawn with numbers of their own, by the thousand."""
    return re.sub(r"(?s)<svg.*?</svg>", "", text)


def telltales(victim: Wearer, *more: float) -> re.Pattern[str]:
    """The figures that one person was told so far, of the kind that no other number looks like."""
    names = ("rmssd", "baseline_rmssd", "sdnn", "improvement", "respiratory_amplitude")
    reply = [m["content"] for m in victim.client.inbox if m["type"] == "own_metrics"]
    known = {str(content[name]) for content in reply for name in names if (content[name] or 0) > 100}
    beats = {f"{800 + sign * swing / 2:g}" for swing in (victim.calm, victim.deep) for sign in (-1, 1)}
    figures = sorted(figure for figure in known | beats | set(map(str, more)) if not figure.endswith(".0"))
    return re.compile(r"(?<![\d.])(?:" + "|".join(re.escape(figure) for figure in figures) + r")(?!\d)")


@pytest.mark.timeout(60)
async def test_speaking_ends_a_day_after_the_session_and_taking_back_never_does(tmp_path: Path) -> None:
    """Words, addresses and new consents come too late then; ending a consent and withdrawing do not."""
    async with room_of_hearts(tmp_path / "data") as room:
        ann = await room.wear("ann", 20, 22)
        leader = await room.lead([ann])
        await leader.send("end")
        await leader.until("session_ending")
        room.clock.jump(25 * HOUR)
        late = {
            ("POST", "feedback"): {"rating": 5},
            ("PUT", "email"): {"address": "ann@example.org"},
            ("PUT", "consent"): {"heart_rate": True, "group": True, "version": "1"},
        }
        for (method, place), body in late.items():
            answer = await room.api.request(method, f"{ME}/{place}", headers=ann.headers, json=body)
            assert (answer.status_code, answer.json()["error"]) == (403, "too_late"), place
        ended = {"heart_rate": False, "group": False, "version": "1"}
        answer = await room.api.put(f"{ME}/consent", headers=ann.headers, json=ended)
        assert answer.json()["consents"]["heart_rate"] is False
        assert (await room.api.get(ME, headers=ann.headers)).status_code == 200
        assert (await room.api.delete(ME, headers=ann.headers)).status_code == 200


@pytest.mark.timeout(60)
async def test_at_the_end_of_retention_nobody_is_known_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the setting says, by the job of the running server: names, words, addresses, consents, ratings."""
    monkeypatch.setattr(maintenance, "_INTERVAL", 0.05)
    monkeypatch.setattr(maintenance, "_DAY", HOUR)
    async with room_of_hearts(tmp_path / "data", retention_days=7) as room:
        ann = await room.wear("ann", 20, 22, name="Ann Unforgotten")
        leader = await room.lead([ann])
        said = {"rating": 5, "comment": "My telltale words", "publish_quote": True, "publish_name": True}
        await ann.client.send("session_feedback", **said)
        await ann.client.until("feedback_received")
        await ann.client.send("chat", message="A secret for the room")
        await ann.client.until("message_sent")
        await room.api.put(f"{ME}/email", headers=ann.headers, json={"address": "ann@example.org"})
        await leader.send("end")
        await leader.until("session_ending")
        await room.published(1)
        secrets = (b"Unforgotten", b"telltale", b"ann@example.org", b"secret for the room")
        assert all(any(secret in content for content in room.on_disk().values()) for secret in secrets)
        room.clock.jump(6 * HOUR)
        assert room.rows("SELECT name FROM people WHERE client_id = 'ann'")[0][0] == "Ann Unforgotten"
        room.clock.jump(2 * HOUR)
        for secret in secrets:
            await room.gone(secret)
        known = (await room.api.get(ME, headers=ann.headers)).json()
        assert (known["name"], known["comment"], known["email"]) == (None, None, None)


def groups_in_journal(room: Room, figure: str) -> set[frozenset[str]]:
    """The groups whose means the records hold: the whole of each point, and its parts."""
    events = [json.loads(row[0]) for row in room.rows("SELECT event FROM journal ORDER BY position")]
    formed = [part for event in events if event["type"] == "parts_formed" for part in event["parts"]]
    parts = {part["number"]: frozenset(part["people"]) for part in formed if part["figure"] == figure}
    groups: set[frozenset[str]] = set()
    for event in events:
        if event["type"] == "metrics_recorded" and event["point"][figure] is not None:
            shares = [share for share in event["point"]["shares"] if share["part"] in parts]
            assert sum(share["n"] for share in shares) >= 5
            groups.add(frozenset().union(*(parts[share["part"]] for share in shares)))
            groups |= {parts[share["part"]] for share in shares if share["x"] is not None}
    return groups


def shown(client: Person) -> list[Any]:
    """The group's improvements, as one client was told them."""
    return [m["content"]["hrv_improvement"] for m in client.inbox if m["type"] == "metrics_update"]


def percent(people: Sequence[Wearer]) -> float:
    """The group's improvement, as the swings of its people say."""
    return 100 * math.expm1(fmean(math.log(wearer.deep / wearer.calm) for wearer in people))


def curve(story: dict[str, Any]) -> list[float]:
    """The improvements that a story tells."""
    figures = (point["hrv_improvement"] for point in story["curves"])
    return [figure for figure in figures if figure is not None]


def counted(room: Room) -> set[str]:
    """Whose share in the group's HRV may still be worked with, as the stored state says."""
    ((state,),) = room.rows("SELECT state FROM state_snapshots")
    parts = json.loads(state)["parts"].values()
    return {who for part in parts if part["figure"] == "hrv_improvement" for who in part["people"]}
