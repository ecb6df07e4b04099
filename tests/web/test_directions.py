"""Arabic and Hebrew on the live pages: texts of people from the right, ours from the left."""

from __future__ import annotations

from playwright.async_api import expect

from tests.web.conftest import Opener
from tests.web.fake_room import FakeRoom

TITLE = "جلسة تنفس مسائية (هادئة)"
DIRECTION = "each => getComputedStyle(each).direction"


async def test_titles_and_names_have_their_own_direction(room: FakeRoom, open_page: Opener) -> None:
    """A title begins at the right; a name in a sentence of ours does not turn it around; fields follow what is typed."""
    room.state |= {"title": TITLE, "instructor": "ליאת (נשימה)"}
    page = await open_page(f"{await room.start()}/sessions/join/{room.session_id}")
    heading = page.get_by_role("heading", name=TITLE)
    await expect(heading).to_be_visible()
    assert await heading.evaluate(DIRECTION) == "rtl"
    lead = page.get_by_text("with \u2068ליאת (נשימה)\u2069 ·")
    await expect(lead).to_be_visible()
    assert await lead.evaluate(DIRECTION) == "ltr"
    name = page.get_by_label("Your name, if you like")
    assert await name.evaluate(DIRECTION) == "ltr"
    await name.fill("עדה")
    assert await name.evaluate(DIRECTION) == "rtl"
    assert await page.evaluate("document.documentElement.dir") == "ltr"
    assert not await page.evaluate("document.documentElement.scrollWidth > innerWidth")
    await page.get_by_role("button", name="Join").click()
    # The page before has the same heading, which may just be leaving.
    await expect(page.get_by_role("heading", name=TITLE)).to_have_css("direction", "rtl")
