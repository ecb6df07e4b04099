"""A strap at the browser's edge: consents first, honest states, real recordings."""

from __future__ import annotations

from pathlib import Path

from playwright.async_api import Page, expect

import engine.recordings
from tests.web.conftest import Opener
from tests.web.fake_room import BOX, FakeRoom

FAKE = Path(__file__).with_name("fake_strap.js").read_text()
RECORDING = Path(engine.recordings.__file__).with_name("polarH10_dhyb_ibi.txt")


def packet(rr_ms: float) -> str:
    """One measurement with contact and one interval, in the units of the standard."""
    return "16" + f"{round(60_000 / rr_ms):02x}" + round(rr_ms * 1.024).to_bytes(2, "little").hex()


async def with_strap(room: FakeRoom, open_page: Opener) -> Page:
    """Somebody who agreed to use the heart rate and chose a strap."""
    page = await open_page(f"{await room.start()}/sessions/join/{room.session_id}", script=FAKE)
    await room.change("Box Breathing", BOX)
    await page.get_by_role("button", name="Join").click()
    await page.get_by_role("button", name="More").click()
    await page.get_by_label("Use my heart rate during this session").check()
    await room.wait_for("consent")
    await page.get_by_role("button", name="Connect a strap").click()
    return page


async def test_nothing_is_ticked_and_nothing_connects_without_consent(
    room: FakeRoom, open_page: Opener
) -> None:
    """Two separate, unticked, versioned consents stand before the strap."""
    page = await open_page(f"{await room.start()}/sessions/join/{room.session_id}", script=FAKE)
    await room.change("Box Breathing", BOX)
    await page.get_by_role("button", name="Join").click()
    await page.get_by_role("button", name="More").click()
    await expect(page.get_by_label("Use my heart rate during this session")).not_to_be_checked()
    await expect(page.get_by_label("Count me in the group's figures")).to_be_disabled()
    await expect(page.get_by_role("button", name="Connect a strap")).to_be_disabled()
    await page.get_by_label("Use my heart rate during this session").check()
    sent = (await room.wait_for("consent"))["data"]
    assert sent == {"heart_rate": True, "group": False, "version": "2026-11"}


async def test_beats_of_a_recording_arrive_as_they_were(room: FakeRoom, open_page: Opener) -> None:
    """What the strap sends is what the server gets, to a thousandth of a second."""
    page = await with_strap(room, open_page)
    beats = [float(line) for line in RECORDING.read_text().split()[:20]]
    await expect(page.get_by_role("button", name="Disconnect the strap")).to_be_visible()
    for beat in beats:
        await page.evaluate("(hex) => window.strap.send(hex)", packet(beat))
    await room.wait_for("heart_rate", len(beats))
    sent = [message["data"] for message in room.of("heart_rate")]
    assert all(abs(data["rr"][0] - beat) < 1 for data, beat in zip(sent, beats, strict=True))
    assert all(data["contact"] is True for data in sent)
    await expect(page.get_by_text("The strap is sending.")).to_be_visible()
    await expect(page.get_by_text("beats a minute")).to_be_visible()


async def test_lost_contact_is_said_and_forgotten_when_it_is_back(room: FakeRoom, open_page: Opener) -> None:
    """Without skin contact there is no figure; with it there is one again."""
    page = await with_strap(room, open_page)
    await page.evaluate("window.strap.send('16483e034103')")
    await expect(page.locator(".own-value")).to_contain_text("72")
    await page.evaluate("window.strap.send('0448')")
    await expect(page.get_by_text("no skin contact")).to_be_visible()
    await expect(page.locator(".own-value")).to_be_empty()
    await page.evaluate("window.strap.send('16483e034103')")
    await expect(page.get_by_text("The strap is sending.")).to_be_visible()
    await expect(page.locator(".own-value")).to_contain_text("72")


async def test_an_old_value_looks_old(room: FakeRoom, open_page: Opener) -> None:
    """After three seconds without a beat the value is marked as stale."""
    page = await with_strap(room, open_page)
    await page.evaluate("window.strap.send('16483e034103')")
    await expect(page.locator(".heart")).to_have_attribute("data-strap", "receiving")
    await expect(page.locator(".heart")).to_have_attribute("data-strap", "stale", timeout=6000)
    await expect(page.get_by_text("This value is old.")).to_be_visible()


async def test_a_strap_out_of_reach_is_looked_for_until_it_is_back(room: FakeRoom, open_page: Opener) -> None:
    """After a disconnect the service is fetched anew, again and again."""
    page = await with_strap(room, open_page)
    await page.evaluate("window.strap.send('16483e034103')")
    await page.evaluate("window.strap.drop()")
    await expect(page.get_by_text("out of reach")).to_be_visible()
    await page.evaluate("window.strap.reachable = true")
    await expect(page.locator("html")).to_have_attribute("data-connections", "2", timeout=10_000)
    await page.evaluate("window.strap.send('16483e034103')")
    await expect(page.get_by_text("The strap is sending.")).to_be_visible()


async def test_a_browser_without_straps_is_told_kindly(room: FakeRoom, open_page: Opener) -> None:
    """Where there is no Web Bluetooth, one sentence says so, and nothing is offered."""
    page = await open_page(f"{await room.start()}/sessions/join/{room.session_id}")
    await room.change("Box Breathing", BOX)
    await page.get_by_role("button", name="Join").click()
    await page.get_by_role("button", name="More").click()
    await expect(page.get_by_text("Without one you miss nothing of the practice.")).to_be_visible()
    assert await page.get_by_role("button", name="Connect a strap").count() == 0
