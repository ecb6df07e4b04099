"""The breath as sound: in phase with the pacer, on while the page is hidden, off until asked for."""

from __future__ import annotations

import io
import math
import struct
import wave
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from playwright.async_api import Page, expect

from engine.domain.instant import from_datetime
from engine.web.reader_language import LANGUAGES
from engine.web.studio_sounds import StudioSounds
from tests.web.conftest import Opener
from tests.web.fake_room import BOX, FakeRoom
from tests.web.sound_phase import APART, KEPT

pytestmark = pytest.mark.chromium

#: The page is hidden: it draws no frame from here on.
HIDE = """() => {
  Object.defineProperty(document, 'hidden', { get: () => true, configurable: true });
  Object.defineProperty(document, 'visibilityState', { get: () => 'hidden', configurable: true });
  window.requestAnimationFrame = () => 0;
  document.dispatchEvent(new Event('visibilitychange'));
}"""


async def breathing(room: FakeRoom, open_page: Opener, **options: Any) -> Page:
    """A page in the practice, with the sheet open."""
    await room.change("Box Breathing", BOX)
    page = await open_page(f"{await room.start()}/sessions/join/{room.session_id}", script=KEPT, **options)
    join, more = ("Dabei sein", "Mehr") if options.get("locale") == "de-DE" else ("Join", "More")
    await page.get_by_role("button", name=join).click()
    await page.get_by_role("button", name=more).click()
    return page


async def same_moment(room: FakeRoom, page: Page) -> dict[str, float]:
    """The room's milliseconds ``now`` and the page's ``at``, of the quickest answer of five: under load one may take long."""
    looks: list[tuple[int, float, float]] = []
    for _ in range(5):
        asked = room.time()
        at = await page.evaluate("Date.now()")
        answered = room.time()
        looks.append((answered - asked, (asked + answered) / 2, at))
    _, now, at = min(looks)
    return {"now": now, "at": at}


async def in_phase(room: FakeRoom, page: Page, started: int, cycle: float) -> None:
    """Wait until the sound is within 50 ms of the server's clock, three looks in a row."""
    script = f"""(given) => {{
      const apart = ({APART})(given);
      window.good = apart !== null && Math.abs(apart) < 50 ? (window.good ?? 0) + 1 : 0;
      return window.good > 2;
    }}"""
    given = [await same_moment(room, page), started, cycle]
    await page.wait_for_function(script, arg=given, polling=200, timeout=20_000)


async def test_the_tone_plays_on_in_phase_while_the_page_is_hidden(room: FakeRoom, open_page: Opener) -> None:
    """It is off until asked for; hidden it stays in time, follows a new technique, and a clock that was corrected."""
    page = await breathing(room, open_page)
    assert await page.evaluate("window.sounds.length") == 0
    await page.get_by_role("switch", name="Tone").click()
    await expect(page.get_by_role("switch", name="Tone")).to_have_attribute("aria-checked", "true")
    await page.evaluate(HIDE)
    started = _millis(room.state["technique"]["started_at"])
    await in_phase(room, page, started, 16)
    assert await page.evaluate("navigator.mediaSession.metadata.title") == "Box Breathing"
    room.clock_error += 5_000
    await room.drop()
    await room.wait_for_lines(2)
    await in_phase(room, page, started, 16)
    await room.change("Even Breathing", [5, 0, 5, 0])
    await page.wait_for_function(
        "() => navigator.mediaSession.metadata.title === 'Even Breathing'", polling=100
    )
    await in_phase(room, page, _millis(room.state["technique"]["started_at"]), 10)


async def test_a_rest_is_silent_and_the_next_technique_is_heard(room: FakeRoom, open_page: Opener) -> None:
    """Hidden: the element plays silence, so that the page is not put to sleep."""
    page = await breathing(room, open_page)
    await page.get_by_role("switch", name="Tone").click()
    await page.evaluate(HIDE)
    await page.wait_for_function("() => window.sounds[0].duration > 60", polling=100)
    await room.tell("session_update", {"resting": True}, update_type="rest")
    await page.wait_for_function(
        "() => window.sounds[0].duration < 20 && !window.sounds[0].paused", polling=100
    )
    room.state["resting"] = False
    await room.change("Even Breathing", [5, 0, 5, 0], lead_ms=800)
    await page.wait_for_function(
        "() => window.sounds[0].duration >= 60 && !window.sounds[0].paused", polling=100
    )
    await in_phase(room, page, _millis(room.state["technique"]["started_at"]), 10)


async def test_the_locked_screen_stops_the_sound_and_brings_it_back(
    room: FakeRoom, open_page: Opener
) -> None:
    """As a call does: what was on is off, and on again when it plays; after a stop it stays off."""
    handlers = """
      window.handlers = {};
      navigator.mediaSession.setActionHandler = (action, handler) => { window.handlers[action] = handler; };
    """
    await room.change("Box Breathing", BOX)
    page = await open_page(f"{await room.start()}/sessions/join/{room.session_id}", script=KEPT + handlers)
    await page.get_by_role("button", name="Join").click()
    await page.get_by_role("button", name="More").click()
    tone, voice = (page.get_by_role("switch", name=name) for name in ("Tone", "Voice"))
    await tone.click()
    await page.wait_for_function("() => window.sounds[0].duration > 60", polling=100)
    await page.evaluate("window.sounds[0].pause()")
    await expect(tone).to_have_attribute("aria-checked", "false")
    await page.evaluate("window.handlers.play()")
    await expect(tone).to_have_attribute("aria-checked", "true")
    await expect(voice).to_have_attribute("aria-checked", "false")
    await page.evaluate("window.handlers.stop()")
    await expect(tone).to_have_attribute("aria-checked", "false")
    assert await page.evaluate("window.sounds[0].paused")


async def test_the_voice_says_the_words_of_the_page_s_language(room: FakeRoom, open_page: Opener) -> None:
    """Its files are asked for when it is switched on, and not before."""
    page = await breathing(room, open_page, locale="de-DE", fresh=True)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.rpartition("/voice/")[2]))
    voice = page.get_by_role("switch", name="Stimme")
    assert not asked
    await voice.click()
    await expect(voice).to_have_attribute("aria-checked", "true")
    assert {name for name in asked if name.endswith(".wav")} == {
        f"de/{step}.wav" for step in ("inhale", "hold", "exhale", "rest")
    }
    await page.wait_for_function(
        "() => window.sounds[0].duration > 60 && !window.sounds[0].paused", polling=100
    )


async def test_a_voice_that_cannot_be_loaded_is_not_said_to_be_on(room: FakeRoom, open_page: Opener) -> None:
    """The tone that was on goes on."""
    page = await breathing(room, open_page, fresh=True)
    await page.route("**/voice/**", lambda route: route.abort())
    await page.get_by_role("switch", name="Tone").click()
    await page.wait_for_function("() => window.sounds[0].duration > 60", polling=100)
    voice = page.get_by_role("switch", name="Voice")
    await voice.click()
    await expect(page.get_by_text("no sound").first).to_be_visible()
    await expect(voice).to_have_attribute("aria-checked", "false")
    await expect(page.get_by_role("switch", name="Tone")).to_have_attribute("aria-checked", "true")
    assert not await page.evaluate("window.sounds[0].paused")


async def test_a_studio_s_own_sound_is_a_switch(room: FakeRoom, open_page: Opener, tmp_path: Path) -> None:
    """With the file's name; one at a time, quietly, and it ends with the sound."""
    for name in ("Rain_on_leaves.wav", "Sea.wav"):
        (tmp_path / name).write_bytes(_quiet_wav())
    (tmp_path / "notes.txt").write_text("not a sound")
    room.sounds = tmp_path
    page = await breathing(room, open_page)
    rain, sea = (page.get_by_role("switch", name=name) for name in ("Rain on leaves", "Sea"))
    await expect(page.get_by_role("switch", name="notes")).to_have_count(0)
    await rain.click()
    await expect(rain).to_have_attribute("aria-checked", "true")
    await sea.click()
    await expect(sea).to_have_attribute("aria-checked", "true")
    await expect(rain).to_have_attribute("aria-checked", "false")
    playing = "window.sounds.filter((sound) => !sound.paused && sound.src.startsWith('http')).map((sound) => [sound.src.split('/').pop(), sound.volume])"
    assert await page.evaluate(playing) == [["Sea.wav", 0.35]]
    await sea.click()
    await page.wait_for_function("() => window.sounds.every((sound) => sound.paused)")


async def test_the_wave_lies_where_the_pacer_is(room: FakeRoom, open_page: Opener) -> None:
    """Loudest in the middle of an inhale and an exhale, silent in holds and at the seam; whole cycles."""
    page = await open_page(f"{await room.start()}/sessions/join/{room.session_id}")
    script = """async () => {
      const { cueAtOnce, samplesOf, SAMPLES_PER_S } = await import('/static/live/cue-wave.js');
      const { stepsOf } = await import('/static/live/pacer.js');
      const made = samplesOf(await cueAtOnce(stepsOf([4, 4, 4, 4]), { shortest: 60_000 }).arrayBuffer());
      const loud = (s) => made.slice(s * SAMPLES_PER_S, (s + 0.1) * SAMPLES_PER_S).reduce((most, one) => Math.max(most, Math.abs(one)), 0);
      return { seconds: made.length / SAMPLES_PER_S, at: [0, 1.95, 3.89, 6, 9.95, 14, 17.95, 63.89].map(loud) };
    }"""
    found = await page.evaluate(script)
    assert found["seconds"] == 64
    begin, inhale, end, hold, exhale, rest, again, seam = found["at"]
    assert min(inhale, exhale, again) > 5_000
    assert max(hold, rest, seam) < 40
    assert max(begin, end) < 500


async def test_the_phase_is_regained_from_every_distance(room: FakeRoom, open_page: Opener) -> None:
    """Simulated: a sound card that is wrong by 200 in a million, loops that cost 40 ms, and any beginning."""
    page = await open_page(f"{await room.start()}/sessions/join/{room.session_id}")
    script = """async () => {
      const { correction } = await import('/static/live/cue-phase.js');
      const worst = [];
      for (let first = 0; first < 64; first += 0.37) {
        let [position, rate, most] = [first, 1, 0];
        for (let now = 0; now < 3 * 3600; now += 0.25) {
          const next = correction(position, now % 64, 64);
          if (now > 20) most = Math.max(most, Math.abs(next.behind));
          if (next.jump) position = (now + 0.03) % 64;
          position += 0.25 * next.rate * 1.0002;
          if (position >= 64) position = Math.max(0, position - 64.04);
        }
        worst.push(most);
      }
      return Math.max(...worst);
    }"""
    assert await page.evaluate(script) < 0.05


async def test_a_position_that_is_said_wrong_once_moves_nothing(room: FakeRoom, open_page: Opener) -> None:
    """Busy devices do so; what is wrong twice in a row is."""
    page = await breathing(room, open_page)
    await page.get_by_role("switch", name="Tone").click()
    await in_phase(room, page, _millis(room.state["technique"]["started_at"]), 16)
    await page.evaluate("""() => {
      const [sound] = window.sounds;
      const { get, set } = Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, 'currentTime');
      [window.wrong, window.jumps, window.looks] = [1, 0, 0];
      Object.defineProperty(sound, 'currentTime', {
        get() { window.looks += 1; return get.call(sound) + (window.wrong-- > 0 ? 0.18 : 0); },
        set(at) { window.jumps += 1; set.call(sound, at); },
      });
    }""")
    await page.wait_for_function("() => window.looks > 4", polling=50)
    assert await page.evaluate("window.jumps") == 0
    await page.evaluate("window.wrong = Infinity")
    await page.wait_for_function("() => window.jumps > 0", polling=50)


async def test_a_sound_that_stood_still_is_in_phase_again_within_a_second(
    room: FakeRoom, open_page: Opener
) -> None:
    """Simulated: a busy device that played nothing for a while, at any time before the next look."""
    page = await open_page(f"{await room.start()}/sessions/join/{room.session_id}")
    script = """async () => {
      const { correction } = await import('/static/live/cue-phase.js');
      const worst = [];
      for (let stood = 0.01; stood < 2; stood += 0.01) {
        let position = 30 - stood;
        for (let now = 30; now <= 31; now += 0.25) {
          const next = correction(position, now, 64);
          position = 0.25 * next.rate + (next.jump ? now - 0.03 : position);
        }
        worst.push(Math.abs(31.25 - position));
      }
      return Math.max(...worst);
    }"""
    assert await page.evaluate(script) < 0.05


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_its_words(language: str) -> None:
    """Short enough for the shortest step in which they are said, and small."""
    folder = Path(__file__).parents[2] / "engine" / "web" / "static" / "voice" / language
    assert sorted(path.stem for path in folder.iterdir()) == ["exhale", "hold", "inhale", "rest"]
    for path in folder.iterdir():
        assert 4_000 < path.stat().st_size < 2 * 11_025 * 1.2


async def test_sounds_are_served_in_parts_and_nothing_else_is(room: FakeRoom, tmp_path: Path) -> None:
    """Safari plays only what comes in ranges; hidden files, other kinds and folders are not there."""
    folder = tmp_path / "sounds"
    (folder / "deep.wav").mkdir(parents=True)
    (tmp_path / "secret.wav").write_bytes(b"secret")
    for name in ("Sea.wav", ".hidden.wav", "key.pem"):
        (folder / name).write_bytes(b"0123456789")
    room.sounds = folder
    base = f"{await room.start()}/static/sounds"
    async with aiohttp.ClientSession() as http:
        answer = await http.get(f"{base}/Sea.wav", headers={"Range": "bytes=2-4"})
        assert (answer.status, await answer.read(), answer.content_type) == (206, b"234", "audio/wav")
        for kept, status in ((answer.headers["ETag"], 206), ('"the-file-before"', 200)):
            rest = await http.get(f"{base}/Sea.wav", headers={"Range": "bytes=2-4", "If-Range": kept})
            assert rest.status == status
        for name in (".hidden.wav", "key.pem", "deep.wav", "none.wav", "..%2Fsecret.wav", "%00.wav"):
            assert (await http.get(f"{base}/{name}")).status == 404, name
    assert StudioSounds(folder).names() == ["Sea.wav"]
    assert StudioSounds(tmp_path / "none").names() == StudioSounds(None).names() == []


def _millis(instant: str) -> int:
    return from_datetime(datetime.fromisoformat(instant))


def _quiet_wav() -> bytes:
    """Two seconds of a soft tone."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((1, 2, 8_000, 0, "NONE", ""))
        out.writeframes(b"".join(struct.pack("<h", round(300 * math.sin(n / 9))) for n in range(16_000)))
    return file.getvalue()
