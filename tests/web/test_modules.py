"""The pure modules of the live pages, asked in the browser that runs them."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Page

from engine.domain.techniques.breathing import Pattern
from engine.domain.techniques.lookup import CATALOGUE
from engine.web.reader_language import LANGUAGES
from publisher.drafts.character_counts import LIMITS
from tests.browsers import Contexts
from tests.web.conftest import opening
from tests.web.fake_room import FakeRoom

STATIC = Path(__file__).parents[2] / "engine" / "web" / "static"

VECTORS = {
    "103c0004": {"bpm": 60, "contact": None, "energy": None, "rr": [1000]},
    "16483e034103": {"bpm": 72, "contact": True, "energy": None, "rr": [810.546875, 813.4765625]},
    "192c010a000004": {"bpm": 300, "contact": None, "energy": 10, "rr": [1000]},
    "0648": {"bpm": 72, "contact": True, "energy": None, "rr": []},
    "1e50d2040003": {"bpm": 80, "contact": True, "energy": 1234, "rr": [750]},
    "0448": {"bpm": 72, "contact": False, "energy": None, "rr": []},
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def page(contexts: Contexts) -> AsyncIterator[Page]:
    """A page that can import every module; one for all tests, which leave nothing behind in it."""
    room = FakeRoom()
    try:
        async with opening(contexts) as open_page:
            yield await open_page(f"{await room.start()}/sessions/join/morning")
    finally:
        await room.stop()


async def ask(page: Page, module: str, body: str, given: Any = None) -> Any:
    """Run ``body`` with the module as ``m`` and an argument as ``given``."""
    script = f"async (given) => {{ const m = await import('/static/live/{module}'); {body} }}"
    return await page.evaluate(script, given)


@pytest.mark.parametrize(("packet", "expected"), VECTORS.items())
async def test_decodes_a_heart_rate_measurement(page: Page, packet: str, expected: dict[str, Any]) -> None:
    """Every layout of the measurement is read: wide rates, contact, energy, several intervals."""
    body = (
        "return m.decode(new DataView(Uint8Array.from(given.match(/../g), (x) => parseInt(x, 16)).buffer));"
    )
    assert await ask(page, "strap.js", body, packet) == expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [(1000, "final"), (1001, "return"), (1006, "return"), (4000, "return"), (4008, "return"), (4499, "return"),
     (4500, "never"), (4508, "never"), (4999, "never")],
)  # fmt: skip
async def test_close_codes_have_three_classes(page: Page, code: int, expected: str) -> None:
    """1000 is final, network trouble and 4000–4499 come back, 4500–4999 never."""
    assert await ask(page, "close-codes.js", "return m.classOf(given);", code) == expected


async def test_waiting_doubles_with_jitter_up_to_fifteen_seconds(page: Page) -> None:
    """The wait grows with every attempt, half of it random, and has a ceiling."""
    body = "return [0, 1, 2, 9].map((n) => [m.delayBefore(1006, n, 0), m.delayBefore(1006, n, 1)]);"
    assert await ask(page, "close-codes.js", body) == [[250, 500], [500, 1000], [1000, 2000], [7500, 15000]]


async def test_a_room_that_is_not_open_yet_is_asked_for_when_it_opens_or_now_and_then(page: Page) -> None:
    """When it opens, spread over four seconds; a moved session is noticed within minutes; never at once."""
    body = """
      const at = (left, random) => m.returnIn({code: 4008, left, attempt: 0, random});
      const fast = m.returnIn({code: 4008, left: 60000, rate: 60, attempt: 0, random: 0});
      return [at(9000, 0), at(9000, 1), at(3e9, 0), at(-5000, 0), fast, m.returnIn({code: 4000, reason: "retry-after=2.5", attempt: 0, random: 0})];
    """
    assert await ask(page, "close-codes.js", body) == [9000, 13_000, 300_000, 500, 1000, 2500]


async def test_numbered_messages_come_in_order_and_once(page: Page) -> None:
    """Early ones wait, repeated ones are dropped, a number without a message closes the gap."""
    body = """
      const p = new m.Position(); p.begin("e", 10);
      const say = (seq, silent) => p.take(seq, silent ? null : {type: "x", seq}).map((one) => one.seq);
      return [say(11), say(13), p.hasGap, say(11), say(12, true), p.hasGap, say(13), say(16), p.skip().map((x) => x.seq), p.seq];
    """
    assert await ask(page, "position.js", body) == [[11], [], True, [], [13], False, [], [], [16], 16]


async def test_clock_takes_the_ping_with_the_lowest_round_trip(page: Page) -> None:
    """Of a round of pings the quickest decides, and its error is at most half its round trip."""
    body = """
      let local = 1000; const c = new m.ServerClock(() => local);
      c.start(500000, 1); c.beginRound();
      c.sample(1000, 1400, 500900); local = 1500; c.sample(1500, 1520, 501010 + 0); local = 1600;
      c.sample(1600, 1900, 501500); c.endRound(); local = 60000;
      return [Math.round(c.now() - (501010 + 60000 - 1510)), c.roundTrip];
    """
    assert await ask(page, "clock.js", body) == [0, 20]


async def test_clock_works_off_a_correction_without_a_jump(page: Page) -> None:
    """A better estimate moves the shown time by at most a tenth of the time that passes."""
    body = """
      let local = 0; const c = new m.ServerClock(() => local);
      c.start(0, 1); c.sample(0, 0, 400);
      const steps = [];
      let last = c.now();
      for (let i = 0; i < 500; i++) { local += 16; const now = c.now(); steps.push(now - last); last = now; }
      return [Math.min(...steps), Math.max(...steps), last - local];
    """
    lowest, highest, gained = await ask(page, "clock.js", body)
    assert lowest >= 16
    assert highest <= 17.7
    assert gained == pytest.approx(400)


async def test_clock_keeps_a_good_estimate_through_slow_rounds(page: Page) -> None:
    """Pings of a busy server, slow on the way out, shift nothing, until they contradict what was known."""
    body = """
      let local = 0; const c = new m.ServerClock(() => local);
      c.start(0, 1); c.beginRound(); c.sample(0, 10, 5); c.endRound();
      const round = (at, roundTrip, server) => { local = at + roundTrip; c.beginRound(); c.sample(at, local, server); c.endRound(); };
      round(30000, 300, 30290); const slow = c.now() - local;
      round(60000, 300, 160290); const set = c.now() - local;
      return [Math.abs(slow) < 1, set > 99000, c.roundTrip];
    """
    assert await ask(page, "clock.js", body) == [True, True, 300]


async def test_clock_runs_as_fast_as_the_servers(page: Page) -> None:
    """In a demonstration the server's clock runs faster, and so does its image here."""
    body = """
      let local = 0; const c = new m.ServerClock(() => local);
      c.start(0, 10); c.sample(0, 0, 0); local = 1000; return c.now();
    """
    assert await ask(page, "clock.js", body) == pytest.approx(10_000)


async def test_clock_notices_when_a_fast_server_meets_the_present(page: Page) -> None:
    """A demonstration falls back to life's own pace unannounced; the next round of pings tells."""
    body = """
      let local = 0; const c = new m.ServerClock(() => local);
      c.start(0, 10); c.sample(0, 0, 0);
      const round = (at, server) => { local = at; c.beginRound(); c.sample(at, at, server); c.endRound(); };
      round(3000, 30000); const fast = c.rate;
      round(6000, 33000); local = 16000;
      return [fast, c.rate, c.now()];
    """
    assert await ask(page, "clock.js", body) == [10, 1, 43_000]


async def test_a_sleep_is_noticed_with_what_the_local_clock_missed(page: Page) -> None:
    """A second that took an hour, by either clock, was a sleep; a date corrected by a second is none."""
    body = """
      let [local, date] = [0, 1e12]; const woke = [];
      const w = new m.SleepDetector((missed) => woke.push(missed), {monotonic: () => local, date: () => date});
      const pass = (by, more) => { local += by; date += by + more; w.look(); };
      w.start(); pass(1000, 0); pass(1000, 900); pass(1000, 3600000); pass(1000, 0); pass(3600000, 0); pass(1000, -7200000);
      w.stop(); return woke;
    """
    assert await ask(page, "sleep-detector.js", body) == [3_600_900, 0, -7_200_000]


async def test_breath_follows_the_pattern(page: Page) -> None:
    """The orb rests at both ends, holds still in the holds, and starts again without a seam."""
    body = """
      const steps = m.stepsOf([4, 4, 4, 4]);
      return [0, 2000, 4000, 6000, 10000, 12000, 15999, 16000].map((ms) => {
        const b = m.breathAt(steps, ms); return [b.name, b.cycle, Math.round(b.scale * 1000) / 1000];
      });
    """
    assert await ask(page, "pacer.js", body) == [
        ["inhale", 0, 0.42],
        ["inhale", 0, 0.71],
        ["hold", 0, 1],
        ["hold", 0, 1],
        ["exhale", 0, 0.71],
        ["rest", 0, 0.42],
        ["rest", 0, 0.42],
        ["inhale", 1, 0.42],
    ]


async def test_fast_breathing_moves_at_most_a_tenth(page: Page) -> None:
    """A shape that pulses more often than every three seconds stays almost still."""
    body = """
      const steps = m.stepsOf([0.5, 0, 0.5, 0]); const scales = [];
      for (let ms = 0; ms < 3000; ms += 10) scales.push(m.breathAt(steps, ms).scale);
      return Math.max(...scales) - Math.min(...scales);
    """
    assert await ask(page, "pacer.js", body) <= 0.1 + 1e-9


async def test_no_frame_changes_the_shown_scale_by_more_than_two_percent(page: Page) -> None:
    """Whatever is wanted, a frame moves the orb by less than 2 %, and it gets there in under a second."""
    body = """
      let shown = 0.42; const changes = []; let frames = 0;
      while (Math.abs(shown - 1) > 1e-6) { const next = m.approach(shown, 1); changes.push(next / shown - 1); shown = next; frames++; }
      return [Math.max(...changes), frames];
    """
    largest, frames = await ask(page, "pacer.js", body)
    assert largest < 0.02
    assert frames < 60


async def test_pattern_of_steps_is_taken_as_it_is(page: Page) -> None:
    """A double inhale, or a pattern without an inhale, needs no special case."""
    body = """
      const sip = {steps: [{name: "inhale", ms: 2000, from: 0, to: 0.75}, {name: "sip", ms: 1000, from: 0.75, to: 1},
                           {name: "exhale", ms: 6000, from: 1, to: 0}]};
      return [m.breathAt(m.stepsOf(sip), 2500).name, m.cycleOf(m.stepsOf(sip)), m.stepsOf(null), m.stepsOf([0, 0, 4, 0])];
    """
    assert await ask(page, "pacer.js", body) == ["sip", 9000, None, None]


async def test_vigorous_techniques_are_gentle_unless_accepted(page: Page) -> None:
    """Whoever said nothing sees the gentle technique, in the same time."""
    body = """
      const plan = [{technique: "Bhastrika", opt_in: "A", gentle: {technique: "Equal Breathing", pattern: [4, 0, 4, 0]}}];
      const now = {technique: "Bhastrika", pattern: [1, 0, 1, 0], started_at: "2026-01-01T00:00:00Z", duration: 60};
      return [m.techniqueShown(now, plan, new Set()), m.techniqueShown(now, plan, new Set(["Bhastrika"])).technique,
              m.techniqueShown({...now, technique: "Box Breathing"}, plan, new Set()).technique];
    """
    gentle, full, other = await ask(page, "gentle-choice.js", body)
    assert (gentle["technique"], gentle["pattern"], gentle["duration"]) == (
        "Equal Breathing",
        [4, 0, 4, 0],
        60,
    )
    assert (full, other) == ("Bhastrika", "Box Breathing")


def test_every_list_of_languages_names_the_same() -> None:
    """Those of the pages' server, of their scripts, and of the files."""
    (named,) = re.findall(r"^const LANGUAGES = (\[.*\]);$", (STATIC / "i18n.js").read_text("utf-8"), re.M)
    assert json.loads(named) == list(LANGUAGES)
    for folder in (STATIC / "strings", STATIC / "strings/console"):
        assert {file.stem for file in folder.glob("*.js")} == set(LANGUAGES), folder


@pytest.mark.parametrize("language", [each for each in LANGUAGES if each != "en"])
@pytest.mark.parametrize("folder", ["strings", "strings/console"])
async def test_all_languages_say_the_same(page: Page, folder: str, language: str) -> None:
    """Every string exists in each file, with the same values and plural forms."""
    body = """
      const other = (await import(`/static/live/${given}`)).default; const en = m.default;
      const places = (text) => [...new Set(text.match(/\\{\\w+\\}/g))].sort();
      const shape = (entry) => JSON.stringify(typeof entry === "string" ? places(entry) : [places(entry.one), places(entry.other)]);
      const keys = [...new Set([...Object.keys(en), ...Object.keys(other)])];
      return keys.filter((key) => !(key in en) || !(key in other) || shape(en[key]) !== shape(other[key]));
    """
    assert await ask(page, f"{folder}/en.js", body, f"{folder}/{language}.js") == []


@pytest.mark.parametrize("language", [each for each in LANGUAGES if each != "en"])
async def test_every_caution_is_there_in_every_language(page: Page, language: str) -> None:
    """What keeps somebody from harm is read in the reader's own language."""
    translated = await ask(page, f"strings/{language}.js", "return Object.keys(m.cautions);")
    assert set(translated) == {caution for one in CATALOGUE.values() for caution in one.cautions}


def test_french_is_set_as_french_is() -> None:
    """A narrow space that breaks no line before high signs, and no straight apostrophes."""
    for file in (STATIC / "strings").rglob("fr.js"):
        texts = re.findall(
            r'(?:": |other: |one: |^\s+)"([^"]*)"(?!:)', file.read_text(encoding="utf-8"), re.M
        )
        assert len(texts) > 200
        assert [text for text in texts if re.search(r"[^\u202f][;:!?%»]|'", text)] == []


def test_spanish_opens_what_it_closes() -> None:
    """Each question and each exclamation has its sign at the beginning too."""
    for file in (STATIC / "strings").rglob("es.js"):
        text = file.read_text(encoding="utf-8")
        assert text.count("¿") == text.count("?") > 0
        assert text.count("¡") == text.count("!")


async def test_feedback_waits_for_the_line_and_the_newest_counts(page: Page) -> None:
    """Offline feedback is kept, one of each kind and technique, and sent on the return."""
    body = """
      let online = false; const sent = [];
      const q = new m.FeedbackQueue(async (type, data) => {
        if (!online) throw Object.assign(new Error("x"), {code: "offline"}); sent.push(data.rating); });
      const first = await q.put("technique_feedback", {technique: "Box", rating: 2});
      await q.put("technique_feedback", {technique: "Box", rating: 4});
      await q.put("technique_feedback", {technique: "Other", rating: 5});
      const size = q.size; online = true; await q.flush();
      return [first, size, sent, q.size];
    """
    assert await ask(page, "feedback-queue.js", body) == ["kept", 2, [4, 5], 0]


async def test_feedback_that_may_have_arrived_goes_out_again_under_its_id(page: Page) -> None:
    """The server knows it by that, and counts it once."""
    body = """
      let online = false; const sent = [];
      const q = new m.FeedbackQueue(async (type, data, id = "new") => {
        sent.push(id); if (!online) throw Object.assign(new Error("x"), {code: "offline", id: "f-1"}); });
      await q.put("session_feedback", {rating: 4});
      online = true; await q.flush();
      return sent;
    """
    assert await ask(page, "feedback-queue.js", body) == ["new", "f-1"]


async def test_a_lost_command_has_its_id_when_it_is_sent_again(page: Page) -> None:
    """The same words as the next of its kind; other words, or something else in between, are another command."""
    body = """
      const pending = new m.PendingCommands(); const chat = (message) => pending.id("chat", {message});
      const first = chat("hello"); const lost = pending.wait(first, "chat", {message: "hello"}).catch((error) => error.id);
      pending.rejectAll();
      const again = chat("hello"); pending.unsent(again, "chat", {message: "hello"});
      const third = chat("hello"); const fourth = chat("hello");
      pending.unsent(fourth, "chat", {message: "hello"});
      const other = chat("goodbye"); const later = chat("hello");
      return [await lost === first, again === first, third === first, fourth === first, other === fourth, later === fourth];
    """
    assert await ask(page, "pending-commands.js", body) == [True, True, True, False, False, False]


async def test_words_given_back_stand_in_the_order_in_which_they_were_written(page: Page) -> None:
    """Before what was written since, and after those given back already; what was changed in them meanwhile is kept."""
    body = """
      const field = document.createElement("input");
      const take = (words) => ((field.value = words), m.takeWords(field));
      const [first, second, third] = ["one", "two", "three"].map(take);
      field.value = "since";
      first.giveBack(); second.giveBack();
      const two = field.value;
      field.value = "changed";
      third.giveBack();
      const changed = field.value;
      const again = take("alone"); again.giveBack();
      return [two, changed, field.value];
    """
    assert await ask(page, "dom.js", body) == ["one two since", "three changed", "alone"]


async def test_curves_go_on_where_a_welcome_left_them(page: Page) -> None:
    """A console opened anew shows the points of before, each once, and the new ones after them."""
    body = """
      await (await import("/static/live/i18n.js")).loadStrings("console");
      const curves = new m.Curves(); const row = curves._rows[0];
      for (const at of [10, 20, 20, 15, 30]) curves.add({hrv_improvement: at / 10}, at);
      return row.points.map((point) => point.at);
    """
    assert await ask(page, "console/curves.js", body) == [10, 20, 30]


async def test_a_language_whose_name_begins_like_one_of_ours_is_another(page: Page) -> None:
    """Northern Frisian is not French: the next is taken, and numbers are written as in the one that is spoken."""
    body = """
      const found = [];
      try {
        for (const languages of given) {
          Object.defineProperty(navigator, "languages", {value: languages, configurable: true});
          await m.loadStrings();
          found.push([m.language, document.documentElement.lang, m.number(1.5)]);
        }
      } finally {
        delete navigator.languages;
        await m.loadStrings();
      }
      return found;
    """
    languages = [["frr", "den", "esu"], ["frr", "DE-at"], ["frr", "fr-CH", "de"], ["es"]]
    expected = [["en", "en", "1.5"], ["de", "de", "1,5"], ["fr", "fr", "1,5"], ["es", "es", "1,5"]]
    assert await ask(page, "i18n.js", body, languages) == expected


async def test_a_post_is_measured_near_to_what_its_network_counts(page: Page) -> None:
    """Links and emoji as the server counts them; where a browser differs, the server has the last word."""
    texts = [
        "We breathed together.",
        "Übung für alle: 14 Minuten",
        "Read on: https://example.org/sessions/morning-calm/?from=x.",
        "Thank you \N{PERSON WITH FOLDED HANDS}\N{EMOJI MODIFIER FITZPATRICK TYPE-4} and 呼吸",
        "With @ada@example.social",
    ]
    names = sorted(LIMITS)
    body = "return given.texts.map((text) => given.names.map((name) => m.lengthOf(name, text)));"
    measured = await ask(page, "console/post-length.js", body, {"texts": texts, "names": names})
    assert measured == [[LIMITS[name].counted(text) for name in names] for text in texts]


NAMES = (
    "My own 5-2-6",
    "Tide 5-0-7-0",
    "5-2-6",
    "(4-4-4-4)",
    "4.5-0-5.5",
    "Atem 4-7-8, dann 3-0-3",
    "Two 0-0-0 and 4-2-6",
    "Day 2024-03-21",
    "v4-4-4",
    "é4-4-4",
    "4-4",
    "4-4-4-4-4",
    "4-4-4.",
    "4-4-x",
    "121-0-5",
    "0-4-4",
    "4-4-0-4",
    "Evening",
    "",
)


async def test_the_numbers_in_a_name_are_read_as_the_server_reads_them(page: Page) -> None:
    """What the console says of a name is the pattern that the circle then follows; none where the server finds none."""
    found = await page.evaluate(
        """async (names) => {
          const { patternIn } = await import('/static/live/console/name-pattern.js');
          return names.map(patternIn);
        }""",
        NAMES,
    )
    of_server = [Pattern.written(name) for name in NAMES]
    assert [None if each is None else Pattern.of(*each) for each in found] == of_server
    assert sum(each is not None for each in of_server) >= 6


#: Rule, a date of it that moves and where to, what is left of its dates; the rule after that, None where it cannot tell the
#: new day, and the first date where it is another one.
MOVES: list[tuple[Any, ...]] = [
    ("FREQ=WEEKLY", "2030-03-21", "2030-03-22", 3, "FREQ=WEEKLY"),
    ("FREQ=WEEKLY;BYDAY=TH;COUNT=5", "2030-03-21", "2030-03-22", 3, "FREQ=WEEKLY;BYDAY=FR;COUNT=3"),
    ("FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,TH", "2030-03-21", "2030-03-25", 9, None),
    (
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,TH",
        "2030-03-21",
        "2030-03-24",
        9,
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,SU",
    ),
    ("FREQ=WEEKLY;BYDAY=TU,TH", "2030-03-21", "2030-03-25", 9, "FREQ=WEEKLY;BYDAY=TU,MO"),
    ("FREQ=WEEKLY;BYDAY=TH,SA", "2030-03-21", "2030-03-24", 9, "FREQ=WEEKLY;BYDAY=SU,SA", "2030-03-23"),
    ("FREQ=WEEKLY;BYDAY=TH,SA", "2030-03-21", "2030-03-31", 9, None),
    (
        "FREQ=WEEKLY;BYDAY=TH,SA;UNTIL=20300330",
        "2030-03-21",
        "2030-03-20",
        4,
        "FREQ=WEEKLY;BYDAY=WE,SA;UNTIL=20300330",
    ),
    ("FREQ=WEEKLY;UNTIL=20300328", "2030-03-21", "2030-03-19", 2, "FREQ=WEEKLY;UNTIL=20300326"),
    ("FREQ=WEEKLY", "2030-03-21", "2030-03-13", 2, None),
    (
        "FREQ=WEEKLY;BYDAY=TH;UNTIL=20300328",
        "2030-03-21",
        "2030-03-26",
        2,
        "FREQ=WEEKLY;BYDAY=TU;UNTIL=20300402",
    ),
    (
        "FREQ=MONTHLY;BYDAY=3TH;UNTIL=20300601T180000Z",
        "2030-03-21",
        "2030-03-29",
        3,
        "FREQ=MONTHLY;BYDAY=-1FR;UNTIL=20300609T180000Z",
    ),
    ("FREQ=MONTHLY", "2030-03-21", "2030-03-22", 3, "FREQ=MONTHLY"),
    ("FREQ=DAILY;INTERVAL=3", "2030-03-21", "2030-03-22", 3, "FREQ=DAILY;INTERVAL=3"),
    ("FREQ=DAILY", "2030-03-21", "2030-03-22", 3, None),
    ("FREQ=WEEKLY;BYDAY=TH,FR", "2030-03-21", "2030-03-22", 3, None),
    ("FREQ=WEEKLY;BYDAY=MO", "2030-03-21", "2030-03-22", 3, None),
    ("FREQ=MONTHLY;BYDAY=1TH,3TH", "2030-03-21", "2030-03-22", 3, None),
]


async def test_a_series_goes_on_from_the_day_that_a_date_moved_to(page: Page) -> None:
    """With as many dates as were left, in the series' zone; another time on the same day changes no rule."""
    dates = [{"scheduled_start": f"2030-03-{day:02}T23:30:00Z"} for day in range(1, 31)]
    given = [
        [
            {
                "timezone": "America/New_York",
                "starts": "2030-01-03T19:30",
                "rule": rule,
                "occurrences": dates[:14] + dates[20 : 20 + left],
            },
            f"{before}T23:30:00Z",
            f"{after}T23:30:00Z",
        ]
        for rule, before, after, left, *_ in MOVES
    ]
    body = (
        "return given.map(([series, from, to]) => m.movedSeries(series, Date.parse(from), Date.parse(to)));"
    )
    found = await ask(page, "console/moved-series.js", body, given)
    wanted = [
        None if rule is None else {"starts": f"{(*first, after)[0]}T19:30", "rule": rule}
        for _, _, after, _, rule, *first in MOVES
    ]
    assert found == wanted
    later = [[given[0][0], "2030-03-21T23:30:00Z", "2030-03-22T00:30:00Z"]]
    assert await ask(page, "console/moved-series.js", body, later) == [{"starts": "2030-01-03T20:30"}]
