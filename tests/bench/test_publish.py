"""The benchmark of publishing runs from the empty folder to its table, with a few sessions."""

from pathlib import Path

from bench.publish import without_a_server
from bench.publish_table import markdown
from tests.bench.test_publish_table import figures


def test_the_publisher_is_measured_in_a_folder_with_nothing_in_it(tmp_path: Path) -> None:
    """Every kind of data is made, built and rebuilt; what needs a server beside it is left out."""
    measured = without_a_server(tmp_path, few=2, large=3)
    assert (measured["sessions"], measured["own_cards"]["cards"]) == (3, 3)
    assert all(measured[name] > 0 for name in ("import_s", "full_build_s", "mkdocs_s", "publish_at_large_s"))
    assert measured["own_cards"]["cards_s"] >= measured["own_cards"]["pages_s"] > 0
    for name in ("small", "big", "led"):
        assert (tmp_path / name / "data/public/index.html").is_file(), name
    assert "When all 3 cards changed" in markdown(figures(**measured))
