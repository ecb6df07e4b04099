"""Cards that follow their pages are marked beside the pages that wait, and hold none of them up."""

from __future__ import annotations

from tests.publisher.studio_data import Publisher


def test_a_card_that_follows_is_no_dirty_page(publisher: Publisher) -> None:
    """Whoever waits for pages waits for no card; each is unmarked by itself, unless it was marked again."""
    catalogue = publisher.catalogue
    catalogue.mark_dirty(["cards/a", "cards/b", "card/a"])
    assert set(catalogue.dirty_pages()) == {"card/a"}
    assert catalogue.is_dirty()
    catalogue.clear_dirty(catalogue.dirty_pages())
    assert not catalogue.is_dirty()
    marks = catalogue.cards_to_draw()
    assert marks == {"cards/a": 1, "cards/b": 1}
    catalogue.mark_dirty(["cards/b"])
    catalogue.clear_dirty(marks)
    assert catalogue.cards_to_draw() == {"cards/b": 2}
