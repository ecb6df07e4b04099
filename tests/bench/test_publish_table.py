"""The table of publishing says what was asked for and what was reached."""

from typing import Any

from bench.publish_table import ROWS, markdown


def figures(**changed: Any) -> dict[str, Any]:
    """What a run measures."""
    machine = {"cores": "2", "processor": "a chip", "system": "a system", "python": "3", "date": "today"}
    return {
        "command": "python -m bench.publish",
        "machine": machine,
        "sessions": 10_000,
        "publish_at_large_s": 0.1,
        "ratio": 1.2,
        "full_build_s": 20.0,
        "mkdocs_s": 5.0,
        "hugo_s": 2.0,
        "import_s": 30.0,
        "few": 100,
        "import_few_peak_mb": 80.0,
        "import_peak_mb": 140.0,
        "memory_peak_mb": 120.0,
        "session_page_bytes": 29_000,
        "own_cards": {
            "load_before": 0.4,
            "unchanged_s": 45.0,
            "pages_s": 50.0,
            "cards_s": 110.0,
            "cards": 10_000,
            "card_s": 0.012,
            "card_bytes": 24_000,
        },
        "end": {"sessions": 30, "p50_s": 0.1, "p95_s": 0.2, "most_s": 0.3},
        "rebuild": {"ratio": 1.4, "alone_p99_ms": [5.0], "beside_p99_ms": [7.0], "elsewhere": True},
        "rebuild_anew": {"ratio": 1.2, "alone_p99_ms": [5.0], "beside_p99_ms": [6.0], "elsewhere": True},
        **changed,
    }


def test_every_row_says_whether_it_is_reached() -> None:
    """Goal, bar, or no; peers are given as how many times faster one publication is."""
    reached = {row.work: row.reached(row.value(figures()) or 0.0) for row in ROWS}
    assert list(reached.values()) == [
        "goal",
        "goal",
        "bar",
        "goal",
        "bar",
        "goal",
        "goal",
        "bar",
        "bar",
        "goal",
        "goal",
        "no",
        "bar",
        "goal",
        "goal",
    ]
    table = markdown(figures())
    assert (
        "| … faster than the full build of that site through MkDocs | ≥ 30 times | ≥ 100 times | 200 times | goal |"
        in table
    )
    assert "| a card, of one core | ≤ 45 ms | ≤ 25 ms | 12 ms | goal |" in table
    assert "When all 10,000 cards changed, the last was there after 110 s (load before: 0.4)." in table
    assert "| p99 of a live room while everything is rebuilt, against without | ≤ 1.3 times" in table


def test_a_peer_that_is_not_there_is_said_to_be_missing() -> None:
    """Without Hugo its row has no figure."""
    assert "as many plain pages | ≥ 1 times | ≥ 1 times | – | not installed |" in markdown(
        figures(hugo_s=None)
    )


def test_a_load_that_had_to_share_its_core_is_said() -> None:
    """Without a real-time priority the figure holds what the load itself waited for."""
    assert "real-time priority" not in markdown(figures())
    shared = {**figures()["rebuild"], "elsewhere": False}
    assert "real-time priority" in markdown(figures(rebuild=shared))
