"""The language of a live page, by what its reader's browser asks for."""

from __future__ import annotations

import aiohttp
import pytest

from engine.web.reader_language import reader_language
from tests.web.fake_room import FakeRoom


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("*", "en"),
        ("it, pt-BR", "en"),
        ("de-CH, de;q=0.9, en;q=0.8", "de"),
        ("it, fr;q=0.8, en;q=0.5", "fr"),
        ("ES-419", "es"),
        ("en;q=0.1, es", "es"),
        ("fr ; q=0.5 ,de;q=0.500", "fr"),
        ("de;q=0, fr;q=0.001", "fr"),
        ("frr, den, esu", "en"),
        ("fr;q=2, fr;level=1, ,;q=1", "en"),
    ],
)
def test_the_language_that_is_preferred_among_ours(accepted: str, language: str) -> None:
    """By its weight, then by its place; a language with three letters is another one."""
    assert reader_language(accepted) == language


async def test_a_page_is_in_the_language_of_its_reader(room: FakeRoom, http: aiohttp.ClientSession) -> None:
    """And caches are told that it depends on it."""
    url = f"{await room.start()}/sessions/join/s"
    async with http.get(url, headers={"Accept-Language": "en;q=0.5, fr-CA"}) as response:
        html = await response.text()
    assert '<html lang="fr"' in html
    assert response.headers["Vary"] == "Accept-Language"
