"""What somebody decides while the publisher has read something and not written it yet: their word stands."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.domain.instant import Millis
from engine.domain.snapshot import Quote, Snapshot
from engine.storage.opening import database_of
from publisher import jobs
from publisher.catalogue.deliveries import Deliveries
from publisher.catalogue.forgetting import strip_quotes
from publisher.catalogue.published import Catalogue
from publisher.drafts import files
from publisher.drafts.desk import DraftDesk, DraftNotFound
from publisher.drafts.open_draft_desk import open_draft_desk
from publisher.job_snapshots import JobSnapshots
from publisher.rendering.card import card_of
from tests.publisher.catalogue.test_visibility import show_to
from tests.publisher.samples import NOW, snapshot
from tests.publisher.studio_data import Publisher

QUOTE = Quote(text="A telltale remark.", name="Ada Unforgotten")


class Meanwhile:
    """Somebody else's decision, made over a connection of their own the next time that a card is drawn."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.decision: Callable[[DraftDesk, Catalogue], object] | None = None

    @property
    def came(self) -> bool:
        """The decision was made."""
        return self.decision is None

    def card(self, *given: object) -> bytes:
        """Draw it, after the decision."""
        decision, self.decision = self.decision, None
        if decision is not None:
            with database_of(self.data).connect() as connection:
                decision(open_draft_desk(self.data, connection), Catalogue(connection))
        return card_of(*given)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def automatic_studio(empty_studio: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a studio that sends mail and lets the newsletter go by itself, to be copied."""
    data = tmp_path_factory.mktemp("automatic") / "data"
    shutil.copytree(empty_studio, data)
    (data / "studio.toml").write_text(
        'name = "Breath Room"\nsender = "hello@example.org"\n[automatic]\nnewsletter = true\n'
    )
    made = Publisher(data)
    made.catalogue.set_meta("sends_mail", "yes")
    made.connection.execute(
        "INSERT INTO subscribers (address, shown, token, state, created_at, confirmed_at)"
        " VALUES ('r@e.org', 'r@e.org', 't', 'confirmed', 0, 0)"
    )
    made.work()
    made.close()
    return data


@pytest.fixture
def studio(automatic_studio: Path, tmp_path: Path) -> Iterator[Publisher]:
    """A publisher of that studio."""
    shutil.copytree(automatic_studio, tmp_path / "data")
    made = Publisher(tmp_path / "data")
    yield made
    made.close()


@pytest.fixture
def meanwhile(studio: Publisher, monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    """What comes in between; nothing until it is told."""
    somebody = Meanwhile(studio.data)
    monkeypatch.setattr(files, "card_of", somebody.card)
    monkeypatch.setattr(jobs, "card_of", somebody.card)
    return somebody


def everything(studio: Publisher) -> str:
    """All that the tables and the files of a publisher say."""
    tables = studio.connection.tables()
    dump = str([dict(row) for table in tables for row in studio.connection.rows(f"SELECT * FROM {table}")])
    files = [file for file in studio.data.rglob("*") if file.is_file() and not file.name.startswith("halc")]
    return dump + "".join(file.read_bytes().decode("utf-8", "replace") for file in files)


def test_a_quote_taken_back_while_its_story_is_tried_is_not_published(
    studio: Publisher, meanwhile: Meanwhile
) -> None:
    """Not even until the next version is: the story enters as it stands by then."""
    meanwhile.decision = lambda _, catalogue: strip_quotes(catalogue, NOW + 1)
    studio.publish(snapshot("s-1", quotes=(QUOTE,)))
    published = studio.catalogue.snapshot("s-1")
    assert published is not None
    assert published.quotes == ()
    assert "telltale" not in everything(studio)


def test_a_quote_taken_back_while_its_session_is_made_private_stays_away(
    studio: Publisher, meanwhile: Meanwhile
) -> None:
    """The change of who may see it writes the story as it stands by then."""
    show_to(studio, "public", 1)
    studio.publish(snapshot("s-1", quotes=(QUOTE,)))
    meanwhile.decision = lambda _, catalogue: strip_quotes(catalogue, NOW + 1)
    show_to(studio, "private", 2)
    assert meanwhile.came
    published = studio.catalogue.snapshot("s-1")
    assert published is not None
    assert (published.visibility, published.quotes) == ("private", ())


def test_a_newsletter_stopped_while_its_files_are_made_does_not_go(
    studio: Publisher, meanwhile: Meanwhile
) -> None:
    """It would have gone by itself; somebody at the desk said no in time."""
    studio.publish(snapshot("s-1"), ("web",))
    meanwhile.decision = lambda desk, _: desk.set_state("s-1", "email", "withdrawn", NOW)
    studio.publish(snapshot("s-1", version=2), ("email",))
    assert meanwhile.came
    assert Deliveries(studio.catalogue).count_by_state("s-1", "newsletter") == {}
    assert not (studio.data / "drafts/s-1/email.txt").exists()


def test_words_written_while_the_publisher_makes_the_same_file_are_in_it(
    studio: Publisher, meanwhile: Meanwhile
) -> None:
    """And those that the publisher told while somebody's were being written."""
    studio.publish(snapshot("s-1"))
    post = studio.data / "drafts/s-1/twitter.txt"
    meanwhile.decision = lambda desk, _: desk.edit("s-1", "twitter", {"content": "Our own words."}, NOW)
    studio.publish(snapshot("s-1", version=2, title="Another evening"), ("social",))
    assert post.read_text() == "Our own words.\n"
    letter = studio.data / "drafts/s-1/email.txt"
    desk = open_draft_desk(studio.data, studio.connection)
    with database_of(studio.data).connect() as connection:
        other = Publisher(studio.data)
        meanwhile.decision = lambda *_: other.publish(snapshot("s-1", version=3, title="A third evening"))
        desk.edit("s-1", "email", {"subject": "Ours"}, NOW)
        other.close()
        assert "A third evening" in letter.read_text()
        assert open_draft_desk(studio.data, connection).draft("s-1", "email")["subject"] == "Ours"


def test_a_session_taken_off_the_site_while_its_draft_is_written_leaves_no_file(
    studio: Publisher, meanwhile: Meanwhile
) -> None:
    """The publisher had removed them when the last file was written."""
    studio.publish(snapshot("s-1"))
    desk = open_draft_desk(studio.data, studio.connection)
    other = Publisher(studio.data)

    def off_the_site(*_: object) -> None:
        other.catalogue.withdraw("s-1", NOW + 1)
        other.work(NOW + 1)
        assert not (studio.data / "drafts/s-1").exists()

    meanwhile.decision = off_the_site
    with pytest.raises(DraftNotFound):
        desk.edit("s-1", "twitter", {"content": "Our own words."}, NOW)
    assert not (studio.data / "drafts/s-1").exists()
    with pytest.raises(DraftNotFound):
        desk.set_state("s-1", "twitter", "approved", NOW + 2)
    other.close()


def test_figures_are_not_kept_of_a_session_taken_off_the_site_meanwhile(
    studio: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its row for analytics was about to be written."""
    studio.publish(snapshot("s-1"), ("web",))
    asked = JobSnapshots.may_publish
    times: list[bool] = []

    def then_withdrawn(self: JobSnapshots, reply: Snapshot, at: Millis) -> bool:
        allowed = asked(self, reply, at)
        times.append(allowed)
        if len(times) == 1:
            # Asked once before the transaction that writes the row, and once inside.
            studio.catalogue.withdraw("s-1", NOW + 1)
        return allowed

    studio.outbox.enqueue(snapshot("s-1", version=2), ("analytics",), NOW)
    monkeypatch.setattr(JobSnapshots, "may_publish", then_withdrawn)
    studio.work()
    assert times == [True, False]
    assert studio.connection.rows("SELECT * FROM analytics") == []
