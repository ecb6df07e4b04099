"""A strap at the browser's edge: consents first, honest states, real recordings."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Page, expect

import engine.recordings
from tests.web.conftest import Opener
from tests.web.fake_room import BOX, FakeRoom

FAKE = Path(__file__).with_name("fake_strap.js").read_text()
RECORDING = Path(engine.recordings.__file__).with_name("polarH10_dhyb_ibi.txt")


def packet(rr_ms: float) -> str:
    """One measurement with contact and one interval, in the units of the standard."""
    return "16" + f"{round(60_000 / rr_ms):02x}" + round(rr_ms * 1.024).to_bytes(2, "little").hex()


async def before_a_strap(room: FakeRoom, open_page: Opener) -> Page:
    """Somebody who agreed to use the heart rate."""
    page = await open_page(f"{await room.start()}/sessions/join/{room.session_id}", script=FAKE)
    await room.change("Box Breathing", BOX)
    await page.get_by_role("button", name="Join").click()
    await page.get_by_role("button", name="More").click()
    await page.get_by_label("Use my heart rate during this session").check()
    await room.wait_for("consent")
    return page


async def with_strap(room: FakeRoom, open_page: Opener) -> Page:
    """Somebody who agreed to use the heart rate and chose a strap."""
    page = await before_a_strap(room, open_page)
    await page.get_by_role("button", name="Connect a strap").click()
    await expect(page.locator("html")).to_have_attribute("data-connections", "1")
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


async def test_a_page_without_https_says_that_it_reaches_no_strap(room: FakeRoom, open_page: Opener) -> None:
    """Web Bluetooth is there on secure pages only: the sentence says so, and what to ask for."""
    insecure = "Object.defineProperty(window, 'isSecureContext', { value: false });"
    page = await open_page(f"{await room.start()}/sessions/join/{room.session_id}", script=insecure)
    await room.change("Box Breathing", BOX)
    await page.get_by_role("button", name="Join").click()
    await page.get_by_role("button", name="More").click()
    await expect(page.get_by_text("only from a page with https")).to_be_visible()
    assert await page.get_by_role("button", name="Connect a strap").count() == 0


# What Chromium says: every case but the last two is one and the same kind of error.
REFUSALS = [
    ("NotFoundError", "User cancelled the requestDevice() chooser.", True, "No strap was chosen."),
    ("NotFoundError", "User cancelled the requestDevice() chooser.", False, "Bluetooth is off"),
    ("NotFoundError", "Bluetooth adapter not available.", False, "Bluetooth is off"),
    ("NotFoundError", "Bluetooth Low Energy not available.", True, "Bluetooth is off"),
    ("NotFoundError", "Web Bluetooth API globally disabled.", False, "This browser blocks Bluetooth"),
    (
        "NotFoundError",
        "User or their enterprise policy has disabled Web Bluetooth.",
        True,
        "This browser blocks Bluetooth",
    ),
    (
        "NotFoundError",
        "User denied the browser permission to scan for Bluetooth devices.",
        True,
        "The browser may not use Bluetooth",
    ),
    (
        "SecurityError",
        'Access to the feature "bluetooth" is disallowed by permissions policy.',
        True,
        "This browser blocks Bluetooth",
    ),
    ("NetworkError", "Unknown error.", True, "could not open its list"),
]


async def test_each_way_in_which_no_strap_is_found_has_its_sentence(
    room: FakeRoom, open_page: Opener
) -> None:
    """Cancelled, off, blocked by policy, denied: the sentence says what to do, and the button tries again."""
    page = await before_a_strap(room, open_page)
    await page.set_viewport_size({"width": 844, "height": 390})
    said = page.locator(".strap-state")
    for name, message, available, sentence in REFUSALS:
        await page.evaluate(
            "([name, message, available]) => Object.assign(window.strap, { refusal: { name, message }, available })",
            [name, message, available],
        )
        await page.get_by_role("button", name="Connect a strap").click()
        await expect(said).to_contain_text(sentence)
        await expect(said).to_be_in_viewport(ratio=1)
    await page.evaluate("window.strap.refusal = null")
    await page.get_by_role("button", name="Connect a strap").click()
    await page.evaluate("window.strap.send('16483e034103')")
    await expect(said).to_have_text("The strap is sending.")


@pytest.mark.parametrize("packet_without", ["0600", "0000", "0448"])
async def test_a_sensor_that_is_not_worn_has_no_contact(
    room: FakeRoom, open_page: Opener, packet_without: str
) -> None:
    """A rate of 0 is no heart, whatever the bits for contact say: no figure, and the sentence for contact."""
    page = await with_strap(room, open_page)
    await page.evaluate("window.strap.send('0648')")
    await expect(page.locator(".own-value")).to_contain_text("72 beats a minute")
    await page.evaluate("(hex) => window.strap.send(hex)", packet_without)
    await expect(page.get_by_text("no skin contact")).to_be_visible()
    await expect(page.locator(".own-value")).to_be_empty()


async def test_a_sensor_without_intervals_says_that_there_is_no_hrv(
    room: FakeRoom, open_page: Opener
) -> None:
    """After twenty seconds of a rate alone the sentence is there; the rate stays, and one interval takes it back."""
    page = await with_strap(room, open_page)
    later = "(ms) => { const now = performance.now.bind(performance); performance.now = () => now() + ms; }"
    await page.evaluate("window.strap.send('0648')")
    await page.evaluate(later, 15_000)
    await page.evaluate("window.strap.send('0648')")
    await expect(page.locator(".strap-state")).to_have_text("The strap is sending.")
    await page.evaluate(later, 6_000)
    await page.evaluate("window.strap.send('0648')")
    await expect(page.get_by_text("there will be no HRV")).to_be_visible()
    await expect(page.locator(".own-value")).to_contain_text("72 beats a minute")
    await page.evaluate("window.strap.send('16483e034103')")
    await expect(page.locator(".strap-state")).to_have_text("The strap is sending.")


async def test_a_glitch_of_the_sensor_is_not_shown(room: FakeRoom, open_page: Opener) -> None:
    """A rate of 65535 leaves the figure as it was; the server learns of it, and drops it."""
    page = await with_strap(room, open_page)
    await page.evaluate("window.strap.send('16483e034103')")
    await page.evaluate("window.strap.send('17ffff3e03')")
    await room.wait_for("heart_rate", 2)
    assert room.of("heart_rate")[1]["data"]["bpm"] == 65_535
    await expect(page.locator(".own-value")).to_contain_text("72 beats a minute")
    await expect(page.locator(".strap-state")).to_have_text("The strap is sending.")
