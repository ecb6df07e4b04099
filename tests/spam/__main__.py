"""``python -m tests.spam``: the score that SpamAssassin gives each kind of letter, in English and German; 1 or more fails."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from engine.domain.instant import HOUR, Millis
from engine.domain.registrations import PlaceMail
from engine.storage.rows import PEOPLE, ROOMS, PersonRow
from publisher.catalogue import subscriptions
from publisher.catalogue.coming import Coming
from publisher.catalogue.deliveries import CONFIRMATION, NEWSLETTER, PERSONAL, Delivery
from publisher.catalogue.letters import Letters
from publisher.catalogue.series_mails import GATHERED
from publisher.delivery.messages import message_of_delivery
from publisher.delivery.place_messages import place_message
from publisher.drafts.open_draft_desk import open_draft_desk
from tests.publisher.samples import content, snapshot
from tests.publisher.studio_data import Publisher
from tests.storage.rows import room

LIMIT = 1.0
"""Mail programs sort out what reaches 5; others have set 2."""
ADDRESS = "mara@example.org"
STUDIO = """name = "Atemraum Köln"
sender = "hallo@example.org"
postal_address = "Musterstraße 1, 50667 Köln"
language = "{language}"
"""
_SCORE = re.compile(r"^X-Spam-Status: .*?score=(-?[\d.]+).*?tests=([A-Z0-9_,\s]*)", re.M | re.S)


def letters(publisher: Publisher, language: str, now: Millis) -> Iterator[tuple[str, bytes]]:
    """Every kind of letter by its name, as it would go out now."""
    (publisher.data / "studio.toml").write_text(STUDIO.format(language=language), encoding="utf-8")
    catalogue, connection = publisher.catalogue, publisher.connection
    catalogue.set_meta("sends_mail", "yes")
    catalogue.set_meta("public_url", "https://breath.example/")
    told = str(content()["content"])
    stories = {
        "newsletter": snapshot("plain", session_date=now - HOUR),
        "newsletter, wide": snapshot("wide", title="Ruhe – „weit“ 🫁", content=told, session_date=now - HOUR),
        "newsletter, shortened": snapshot(
            "long", content="\n\n".join(["In."] * 3800), session_date=now - HOUR
        ),
        "newsletter, of few words": snapshot(
            "few",
            content=None,
            average_hrv_improvement=None,
            achievements=(),
            breathing_techniques=("Box Breathing",),
            session_date=now - HOUR,
        ),
        "newsletter, edited": snapshot("edited", session_date=now - HOUR),
    }
    for story in stories.values():
        publisher.publish(story, ["web", "email"], now)
    desk = open_draft_desk(publisher.data, connection)
    words = {"subject": "Ein Abend", "text": "Liebe alle,\n\nes war still, und schön.\n\nBis bald."}
    desk.edit("edited", "email", words, now)
    subscriptions.subscribe(catalogue, ADDRESS, now)

    def written(session_id: str, kind: str, recipient: str) -> bytes:
        message = message_of_delivery(
            desk.texts, catalogue, Delivery(session_id, kind, recipient, ADDRESS, 0), now
        )
        assert message is not None
        return message

    yield "confirmation", written("", CONFIRMATION, ADDRESS)
    reader = subscriptions.subscriber(catalogue, ADDRESS)
    assert reader is not None
    subscriptions.confirm(catalogue, reader.token, now)
    for name, story in stories.items():
        yield name, written(story.session_id, NEWSLETTER, ADDRESS)
    row = PersonRow("plain", "c1", now, name="Mara", email=ADDRESS, own_summary='{"improvement_percent": 7}')
    connection.execute(PEOPLE.upsert, **PEOPLE.values(row))
    yield "personal", written("plain", PERSONAL, "c1")
    coming = room("evening", title="Abend", scheduled_start=now + 72 * HOUR, max_participants=2)
    connection.execute(ROOMS.upsert, **ROOMS.values(coming))
    made = Coming(catalogue).register(
        [coming], series_id=None, name="Mara", address=ADDRESS, mailbox=ADDRESS, network="n", at=now
    )
    Coming(catalogue).confirm(made.registration, now)
    Letters(catalogue).write("evening", "Vor unserem Abend", "Bringt eine Decke mit.\n\nBis bald.", now)
    for kind in PlaceMail:
        delivery = Delivery("evening", str(kind), made.registration.registration, ADDRESS, 0)
        message = place_message(desk.texts, catalogue, delivery, now)
        assert message is not None
        yield str(kind), message
    sessions = [
        room(f"weekly-{day}", title="Abend", series_id="weekly", scheduled_start=now + day * 24 * HOUR)
        for day in (3, 10)
    ]
    for session in sessions:
        connection.execute(ROOMS.upsert, **ROOMS.values(session))
    made = Coming(catalogue).register(
        sessions, series_id="weekly", name="Mara", address=ADDRESS, mailbox=ADDRESS, network="n", at=now
    )
    for kind in GATHERED:
        others = ((sessions[1].session_id, str(kind)),)
        delivery = Delivery(
            sessions[0].session_id, str(kind), made.registration.registration, ADDRESS, 0, others
        )
        message = place_message(desk.texts, catalogue, delivery, now)
        assert message is not None
        yield f"series {kind}", message


def judged(message: bytes) -> tuple[float, str]:
    """The score, and the names of the rules that it comes from; without asking the network."""
    said = subprocess.run(["spamassassin", "-L", "-t"], input=message, capture_output=True, check=True).stdout
    found = _SCORE.search(said.decode("utf-8", "replace"))
    assert found is not None, said[:1000]
    return float(found[1]), re.sub(r"\s+", "", found[2])


def main() -> int:
    """Judge them all; 1 when one is too high."""
    if shutil.which("spamassassin") is None:
        sys.stdout.write("Needs SpamAssassin (Debian: apt-get install spamassassin).\n")
        return 2
    now = time.time_ns() // 1_000_000
    worst = 0.0
    for language in ("en", "de"):
        with tempfile.TemporaryDirectory() as folder:
            publisher = Publisher(Path(folder))
            for name, message in letters(publisher, language, now):
                score, rules = judged(message)
                worst = max(worst, score)
                sys.stdout.write(f"{score:5.1f}  {language}  {name}  {rules}" + "\n")
            publisher.close()
    sys.stdout.write(f"Highest: {worst:.1f}, and it has to be below {LIMIT:.1f}." + "\n")
    return int(worst >= LIMIT)


if __name__ == "__main__":
    sys.exit(main())
