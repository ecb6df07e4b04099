"""The studio's own techniques on the site: their pages, the lists, and the stories that link there."""

from __future__ import annotations

from dataclasses import replace

from bs4 import BeautifulSoup

from engine.domain.techniques.own import OwnTechnique
from engine.storage.techniques import OwnTechniques
from tests.publisher.samples import snapshot
from tests.publisher.studio_data import Publisher

TIDE = OwnTechnique(
    "Evening Tide",
    (5.0, 0.0, 7.0, 0.0),
    (10, 30),
    "A long <breath> out.",
    "Follow the circle.",
    ("Take care.",),
)


def _written(publisher: Publisher, *techniques: OwnTechnique) -> None:
    """Store techniques, as the API does."""
    with publisher.catalogue.transaction():
        for each in techniques:
            OwnTechniques(publisher.connection).add(each, 0)
        publisher.catalogue.dirty.mark_all()


def test_a_technique_has_a_page_with_its_pacer(publisher: Publisher) -> None:
    """Summary, words, pattern, rounds and cautions, escaped; it stands in the list and the sitemap."""
    _written(publisher, TIDE)
    publisher.work()
    page = publisher.read("techniques/evening-tide/index.html")
    for text in (
        "Evening Tide",
        "A long &lt;breath&gt; out.",
        "Follow the circle.",
        "Take care.",
        "data-pacer",
    ):
        assert text in page
    assert '"cycle_ms":12000' in page
    assert "evening-tide" in publisher.read("techniques/index.html")
    assert "/techniques/evening-tide/" in publisher.read("sitemap-pages.xml")
    assert publisher.site() == publisher.rebuilt()


def test_the_home_page_offers_it_before_ours(publisher: Publisher) -> None:
    """As soon as it is written, and no longer than it is there; of very many the first."""

    def offered() -> list[str]:
        home = BeautifulSoup(publisher.read("index.html"), "html.parser")
        return [
            str(link["href"]).split("/")[-2] for link in home.select("[aria-labelledby=practise] .cards a")
        ]

    ours = offered()
    assert len(ours) == 6
    _written(publisher, TIDE)
    publisher.work()
    assert offered() == ["evening-tide", *ours]
    home = publisher.read("index.html")
    assert "A long &lt;breath&gt; out." in home
    assert publisher.site() == publisher.rebuilt()
    _written(publisher, *(replace(TIDE, name=f"Tide {chr(97 + number)}") for number in range(14)))
    publisher.work()
    assert offered()[:2] == ["evening-tide", "tide-a"]
    assert len(offered()) == 12 + 6
    every = publisher.read("techniques/index.html")
    assert all(f"tide-{chr(97 + number)}/" in every for number in range(14))
    with publisher.catalogue.transaction():
        for each in OwnTechniques(publisher.connection).all():
            OwnTechniques(publisher.connection).remove(each.slug)
        publisher.catalogue.dirty.mark_all()
    publisher.work()
    assert offered() == ours


def test_a_story_that_practised_it_leads_there_and_back(publisher: Publisher) -> None:
    """From the timeline and from "What to try next"; the technique's page names the session."""
    _written(publisher, TIDE)
    publisher.publish(snapshot("s-1", breathing_techniques=("evening tide",), approved=True))
    story = publisher.read("sessions/s-1/index.html")
    assert 'href="../../techniques/evening-tide/"' in story
    assert "A long &lt;breath&gt; out." in story
    assert "sessions/s-1/" in publisher.read("techniques/evening-tide/index.html")
    assert publisher.site() == publisher.rebuilt()


def test_a_technique_that_is_removed_leaves_no_page_and_no_link(publisher: Publisher) -> None:
    """The story keeps its name."""
    _written(publisher, TIDE)
    publisher.publish(snapshot("s-1", breathing_techniques=("Evening Tide",), approved=True))
    with publisher.catalogue.transaction():
        OwnTechniques(publisher.connection).remove("evening-tide")
        publisher.catalogue.dirty.mark_all()
    publisher.work()
    assert not publisher.has("techniques/evening-tide/index.html")
    story = publisher.read("sessions/s-1/index.html")
    assert "Evening Tide" in story
    assert "techniques/evening-tide" not in story
    assert publisher.site() == publisher.rebuilt()
