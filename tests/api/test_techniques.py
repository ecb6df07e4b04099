"""``/techniques``: the studio's own beside those of the catalogue, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from engine.domain.techniques.lookup import CATALOGUE
from tests.api.conftest import Server

PATH = "/api/v2/techniques"
TIDE: dict[str, Any] = {
    "name": "Evening Tide",
    "breath": [5, 0, 7.5, 0],
    "rounds": {"usual": 10, "at_most": 30},
    "summary": "A long breath out.",
    "words": "Follow the circle.",
    "cautions": ["Stop when you feel dizzy."],
}


async def test_a_technique_is_made_changed_and_removed(server: Server) -> None:
    """It stands first in the list, as the catalogue's do and with what a plan takes; everybody may read it."""
    made = await server.client.post(PATH, json=TIDE)
    assert made.status_code == 201
    assert made.json()["slug"] == "evening-tide"
    for path in (PATH, "/console/techniques"):
        answer = (await server.stranger.get(path)).json()
        listed = answer["techniques"] if path == PATH else answer
        assert len(listed) == len(CATALOGUE) + 1
        assert listed[0]["own"]
        assert listed[0]["breath"] == [5, 0, 7.5, 0]
        assert listed[0]["pattern"]["cycle_ms"] == 12_500
        assert not listed[1]["own"]
    changed = await server.client.put(
        f"{PATH}/evening-tide", json={"name": "Evening tide", "breath": [4, 0, 6, 0]}
    )
    assert (changed.status_code, changed.json()["rounds"]) == (200, None)
    assert (await server.client.delete(f"{PATH}/evening-tide")).status_code == 200
    for answer in (
        await server.client.delete(f"{PATH}/evening-tide"),
        await server.client.put(f"{PATH}/evening-tide", json=TIDE),
    ):
        assert (answer.status_code, answer.json()["error"]) == (404, "unknown_technique")


@pytest.mark.parametrize("name", ["Box Breathing", "box  BREATHING", "4-7-8"])
async def test_a_name_of_the_catalogue_is_taken(server: Server, name: str) -> None:
    """By each of its names, in any case."""
    refused = await server.client.post(PATH, json={**TIDE, "name": name})
    assert (refused.status_code, refused.json()["error"]) == (409, "technique_exists")


async def test_a_name_is_there_once_and_keeps_its_address(server: Server) -> None:
    """Names that make one address are the same; another name needs another technique."""
    await server.client.post(PATH, json=TIDE)
    assert (await server.client.post(PATH, json={**TIDE, "name": "EVENING TIDE"})).status_code == 409
    other = await server.client.put(f"{PATH}/evening-tide", json={**TIDE, "name": "Morning Tide"})
    assert other.status_code == 400
    assert "/techniques/evening-tide/" in other.json()["details"]["name"]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"breath": [0, 0, 7, 0]}, "breath"),
        ({"breath": [5, 0, 0, 0]}, "breath"),
        ({"breath": [5, 0, 121, 0]}, "breath"),
        ({"breath": [5, 7]}, "breath"),
        ({"rounds": {"usual": 20, "at_most": 10}}, "rounds"),
        ({"cautions": ["a"] * 11}, "cautions"),
        ({"words": "two\nlines"}, "words"),
        ({"name": ""}, "name"),
        ({"group": "B"}, "group"),
    ],
)
async def test_what_cannot_be_is_refused_by_name(server: Server, wrong: dict[str, Any], field: str) -> None:
    """Nothing is stored."""
    refused = await server.client.post(PATH, json={**TIDE, **wrong})
    assert refused.status_code == 400, refused.text
    assert any(name.startswith(field) for name in refused.json()["details"]), refused.text
    assert (await server.stranger.get(PATH)).json()["count"] == len(CATALOGUE)
