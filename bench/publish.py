"""``python -m bench.publish``: the time to publish one session among 100 and among 10,000, beside a full rebuild.

Prints a table and writes ``bench/publish.json`` and ``bench/publish.md``. All channels,
flushed to the disk. Hugo is measured where it is installed.
One module, although a long one: each measurement is a few lines, and stands beside those it is compared with.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from bench.publish_live import ends, rebuild_beside_a_room
from bench.publish_table import markdown
from bench.report import machine
from engine.domain.channels import SESSION_END_CHANNELS
from engine.domain.instant import HOUR, MINUTE, Millis, iso
from engine.domain.snapshot import GroupPoint, Quote, Snapshot, TechniqueSpan
from engine.storage.opening import database_of
from engine.storage.outbox import Outbox
from publisher import commands
from publisher.catalogue.published import Catalogue
from publisher.jobs import JobRunner
from publisher.rendering.card import card_texts
from publisher.rendering.card_drawing import draw
from publisher.rendering.story import story_of
from publisher.rendering.studio import Studio

NOW: Millis = 1_790_000_000_000
_SPACE = UUID("6ba7b812-9dad-11d1-80b4-00c04fd430c8")
_TECHNIQUES = ("Box Breathing", "Coherent Breathing", "4-7-8 Breathing", "Resonance", "Equal Breathing")
_REPEATS = 9
_SESSIONS_PER_TRANSACTION = 500


def lines(count: int) -> Iterator[str]:
    """Write an import file of summaries, spread over four years."""
    for n in range(count):
        yield json.dumps(
            {
                "title": f"Morning session number {n}",
                "content": "We began with a long exhale, and stayed with it.\n\nThe room grew quiet. " * 3,
                "session_id": f"session-{n:05}",
                "session_duration": 900 + n % 1800,
                "participant_count": 5 + n % 60,
                "breathing_techniques": [_TECHNIQUES[n % 5], _TECHNIQUES[(n + 1) % 5]],
                "average_hrv_improvement": (n % 300) / 10 - 8,
                "key_achievements": ["Everybody stayed to the end"],
                "session_type": "live",
                "instructor_name": ("Sarah Chen", "Omar Haddad", "Ines Prado")[n % 3],
                "session_date": iso(NOW - n * 3 * HOUR - HOUR),
            }
        )


def live(n: int) -> Snapshot:
    """A live session of 25 people as the engine leaves it: timeline, curves, a quote."""
    began = NOW - n * 7 * HOUR
    return Snapshot(
        session_id=f"live-{n}",
        content_id=str(uuid5(_SPACE, str(n))),
        title=f"Evening session {n}",
        content="Three techniques, one breath.",
        instructor_name="Sarah Chen",
        session_date=began,
        session_duration=1800,
        participant_count=25,
        breathing_techniques=_TECHNIQUES[:3],
        average_hrv_improvement=12.0,
        timeline=tuple(
            TechniqueSpan(technique=name, start_s=600.0 * at, duration_s=580.0)
            for at, name in enumerate(_TECHNIQUES[:3])
        ),
        curves=tuple(
            GroupPoint(t_s=6.0 * t, participants=25, measured=20, hrv_improvement=t / 20, synchrony=0.5)
            for t in range(300)
        ),
        quotes=(Quote(text="Quiet, at last.", name=None),),
        ended_at=began + 30 * MINUTE,
    )


def publish_one(data: Path) -> list[float]:
    """Seconds from the outbox row to the last artefact on the disk, for some sessions one after the other."""
    connection = database_of(data).connect()
    outbox = Outbox(connection)
    jobs = JobRunner(data, Catalogue(connection), outbox)
    took = []
    for n in range(_REPEATS + 1):
        outbox.enqueue(live(n), SESSION_END_CHANNELS, NOW + n)
        began = time.perf_counter()
        jobs.run_due(NOW + n)
        took.append(time.perf_counter() - began)
    connection.close()
    # The first one compiles the templates.
    return took[1:]


def lead_all(data: Path, count: int) -> None:
    """Put so many sessions into the catalogue that were led live, and have cards of their own; and build their site."""
    data.mkdir(parents=True)
    with database_of(data).connect() as connection:
        catalogue = Catalogue(connection)
        for start in range(0, count, _SESSIONS_PER_TRANSACTION):
            with catalogue.transaction():
                for n in range(start, min(count, start + _SESSIONS_PER_TRANSACTION)):
                    catalogue.publish(live(n), ZoneInfo("UTC"), NOW - n * 7 * HOUR)
    rebuild_with_cards(data)


def rebuild_with_cards(data: Path) -> tuple[float, float]:
    """Seconds of a rebuild of everything until the last page is in the site, and until the last card is."""
    with database_of(data).connect() as connection:
        catalogue = Catalogue(connection)
        jobs = JobRunner(data, catalogue, Outbox(connection))
        began = time.perf_counter()
        catalogue.dirty.mark_all()
        jobs.run_due(0)
        pages = time.perf_counter() - began
        while jobs.draw_cards(0, wait_s=1.0):
            pass
        jobs.close()
        return pages, time.perf_counter() - began


def rebuilds(data: Path) -> dict[str, Any]:
    """Rebuilds of sessions with cards of their own: nothing changed, and with another name of the studio, so that all do."""
    load_before = os.getloadavg()[0]
    unchanged = rebuild_with_cards(data)
    (data / "studio.toml").write_text('name = "Another name"\n', encoding="utf-8")
    changed = rebuild_with_cards(data)
    cards = [file.stat().st_size for file in (data / "public/sessions").glob("*/card.png")]
    return {
        "load_before": load_before,
        "unchanged_s": unchanged[1],
        "pages_s": changed[0],
        "cards_s": changed[1],
        "card_s": statistics.median(_seconds_of_a_card(n) for n in range(min(40, len(cards)))),
        "card_bytes": max(cards),
        "cards": len(cards),
    }


def _seconds_of_a_card(n: int) -> float:
    """Of a core, for the card of one session."""
    studio = Studio()
    texts = card_texts(story_of(live(n), studio), studio)
    began = time.process_time()
    draw(texts)
    return time.process_time() - began


def import_all(data: Path, count: int) -> float:
    """Seconds for so many summaries, from the file to the last page and the search over them."""
    data.mkdir(parents=True)
    file = data.parent / f"{count}.jsonl"
    file.write_text("\n".join(lines(count)), encoding="utf-8")
    began = time.perf_counter()
    imported = commands.import_file(data, database_of(data), file, _quiet)
    took = time.perf_counter() - began
    assert (imported.published, imported.refused) == (count, []), imported.refused[:3]
    return took


def rebuild(data: Path) -> float:
    """Seconds for the whole site through MkDocs."""
    began = time.perf_counter()
    commands.rebuild(data, database_of(data), data.parent / "rebuilt", _quiet)
    return time.perf_counter() - began


def hugo(folder: Path, count: int) -> float | None:
    """Seconds for Hugo to build as many pages from nothing; None where it is not installed."""
    program = shutil.which("hugo")
    if program is None:
        return None
    pages = folder / "content" / "sessions"
    pages.mkdir(parents=True)
    (folder / "hugo.toml").write_text('baseURL = "https://example.org/"\ntitle = "Bench"\n')
    layouts = folder / "layouts" / "_default"
    layouts.mkdir(parents=True)
    page = "<!doctype html><title>{{ .Title }}</title><h1>{{ .Title }}</h1>{{ .Content }}"
    (layouts / "single.html").write_text(page)
    listed = (
        "<!doctype html><title>{{ .Title }}</title>{{ range first 50 .Pages }}<p>{{ .Title }}</p>{{ end }}"
    )
    (layouts / "list.html").write_text(listed)
    for n in range(count):
        (pages / f"session-{n}.md").write_text(
            f"---\ntitle: Session {n}\ndate: 2026-01-01\n---\nA long exhale.\n"
        )
    began = time.perf_counter()
    subprocess.run([program, "--quiet", "--source", str(folder)], check=True, capture_output=True)
    return time.perf_counter() - began


def mkdocs(folder: Path, count: int) -> float:
    """Seconds for MkDocs with its own theme to build as many plain pages from nothing, none of them in the menu."""
    pages = folder / "docs" / "sessions"
    pages.mkdir(parents=True)
    (folder / "docs" / "index.md").write_text("# Bench\n")
    (folder / "mkdocs.yml").write_text("site_name: Bench\nplugins: []\nnav:\n  - index.md\n")
    for n in range(count):
        (pages / f"session-{n}.md").write_text(f"# Session {n}\n\nA long exhale.\n")
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--config-file", str(folder / "mkdocs.yml")],
        check=True,
        capture_output=True,
    )
    return time.perf_counter() - began


def page_bytes(data: Path) -> dict[str, int]:
    """What a reader's browser gets for a session page, compressed as servers do, without the card."""
    import gzip

    public = data / "public"
    parts = {
        "page": public / "sessions/live-0/index.html",
        "style": public / "assets/site.css",
        "replay": public / "assets/replay.js",
        "pacer": public / "assets/pacer.js",
        "times": public / "assets/local-time.js",
    }
    sizes = {name: len(gzip.compress(file.read_bytes(), 6)) for name, file in parts.items()}
    font = public / "assets/fonts/figtree-latin.woff2"
    return {**sizes, "font": font.stat().st_size}


def memory_mb() -> float:
    """The peak memory of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _quiet(_done: int, _total: int) -> None:
    """Ignore progress."""


def measured(work: Path, large: int, *, ended: int, seconds: float, rounds: int) -> dict[str, Any]:
    """Every figure; ``ended`` live sessions, ``rounds`` of ``seconds`` without and with a rebuild."""
    alone = without_a_server(work, 100, large)
    _, big, led = _folders(work)
    served = {
        "end": ends(big, ended),
        "rebuild": rebuild_beside_a_room(led, seconds=seconds, rounds=rounds, anew=False),
        "rebuild_anew": rebuild_beside_a_room(led, seconds=seconds, rounds=rounds, anew=True),
    }
    return {
        "command": " ".join(["python -m bench.publish", *sys.argv[1:]]),
        "machine": machine(),
        **alone,
        **served,
        "memory_peak_mb": max(each["publisher_peak_mb"] for each in served.values()),
    }


def _folders(work: Path) -> tuple[Path, Path, Path]:
    """The data folders of few imported sessions, of many, and of as many that were led live."""
    return work / "small/data", work / "big/data", work / "led/data"


def without_a_server(work: Path, few: int, large: int) -> dict[str, Any]:
    """The figures of the publisher alone, with ``few`` sessions and with ``large``; their data stays below ``work``."""
    small, big, led = _folders(work)
    import_all(small, few)
    at_small = publish_one(small)
    imported_few_mb = memory_mb()
    imported = import_all(big, large)
    imported_mb = memory_mb()
    at_big = publish_one(big)
    whole = rebuild(big)
    sizes = page_bytes(big)
    lead_all(led, large)
    own_cards = rebuilds(led)
    return {
        "sessions": large,
        "few": few,
        "publish_at_few_s": statistics.median(at_small),
        "publish_at_large_s": statistics.median(at_big),
        "publish_at_large_max_s": max(at_big),
        "ratio": statistics.median(at_big) / statistics.median(at_small),
        "full_build_s": whole,
        "times_faster_than_full": whole / statistics.median(at_big),
        "hugo_s": hugo(work / "hugo", large),
        "mkdocs_s": mkdocs(work / "mkdocs", large),
        "import_s": imported,
        "import_few_peak_mb": imported_few_mb,
        "import_peak_mb": imported_mb,
        "session_page_bytes": sum(sizes.values()),
        "session_page_parts": sizes,
        "own_cards": own_cards,
    }


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=10_000)
    parser.add_argument("--ended", type=int, default=30, help="live sessions that are led to their end")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each measurement beside a rebuild")
    parser.add_argument("--rounds", type=int, default=5, help="of those measurements")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "publish.json")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="halcytone-bench-") as folder:
        figures = measured(
            Path(folder), chosen.sessions, ended=chosen.ended, seconds=chosen.seconds, rounds=chosen.rounds
        )
    chosen.output.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    table = markdown(figures)
    chosen.output.with_suffix(".md").write_text(table, encoding="utf-8")
    print(table)


if __name__ == "__main__":
    main()
