"""The table of several servers says what was asked for, what was reached and what is missing."""

from typing import Any

import pytest

from bench.cluster.people import share_within
from bench.cluster.table import ROWS, markdown, whole
from bench.halcytone import commit_quantile

MACHINE = {"processor": "a chip", "cores": "2", "system": "a system", "python": "3", "date": "today"}


def results(**changed: Any) -> dict[str, Any]:
    """What a run writes."""
    rounds: dict[str, list[dict[str, float]]] = {
        "many rooms, SQLite": [{"cpu_us": 20.0}, {"cpu_us": 22.0}, {"cpu_us": 24.0}],
        "many rooms, PostgreSQL": [{"cpu_us": 19.8}, {"cpu_us": 50.0}, {"cpu_us": 11.0}],
        "appends, SQLite": [{"appends_per_s": 40_000.0}],
        "appends, PostgreSQL": [{"appends_per_s": 41_000.0}],
        "killed": [{"live_s": 9.0}],
        "drained": [{"live_s": 1.5}],
        "failover in step": [{"live_s": 0.3, "moved": 0}],
        "failover behind": [{"live_s": 0.4, "moved": 2}],
    }
    return {
        "command": "python -m bench.cluster",
        "machine": MACHINE,
        "postgresql": "15.1",
        "rooms": 200,
        "seconds": 600.0,
        "load_before": 0.1,
        "rounds": rounds,
        "failed": {},
        **changed,
    }


def lines_of(table: str, work: str) -> list[str]:
    """The cells of the row that begins so."""
    (line,) = [line for line in table.splitlines() if line.startswith(f"| {work}")]
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_every_row_says_whether_it_is_reached() -> None:
    """A ratio is that of medians; a goal may be measured itself; nothing measured is said so."""
    table = markdown(results())
    assert lines_of(table, "many rooms (500")[1:] == ["≤ 1.05 times", "≤ 0.9 times", "0.9 times", "goal"]
    assert lines_of(table, "appends of 500")[1:] == ["≥ 25,000 /s", "≥ 40,000 /s", "41,000 /s", "goal"]
    assert lines_of(table, "kill -9 of the owner")[-1] == "no"
    assert lines_of(table, "SIGTERM")[-2:] == ["1.5 s", "bar"]
    assert lines_of(table, "ready with")[-2:] == ["–", "not measured"]
    assert "upper bounds" not in table


def test_a_session_that_moved_at_one_failover_counts_for_both() -> None:
    """No failover may move any."""
    assert lines_of(markdown(results()), "… sessions that moved")[-2:] == ["2", "no"]
    assert whole({})("failovers", "moved") is None


def test_without_sqlites_figure_appends_reach_the_bar_at_most() -> None:
    """A goal that was not measured is reached by nothing."""
    known = results()["rounds"]
    del known["appends, SQLite"]
    assert lines_of(markdown(results(rounds=known)), "appends of 500")[2:] == ["–", "41,000 /s", "bar"]


def test_what_failed_and_a_busy_machine_are_said() -> None:
    """Figures beside other programs are upper bounds."""
    table = markdown(results(failed={"hop": ["RuntimeError: no"]}, load_before=3.0))
    assert "**hop** failed: RuntimeError: no" in table
    assert "load 3.0 before the first step" in table


def test_bars_and_goals_agree() -> None:
    """A goal is never easier than its bar."""
    for row in ROWS:
        if isinstance(row.goal, float | int):
            assert row.goal >= row.bar if row.at_least else row.goal <= row.bar, row.work


def test_a_share_of_people_is_all_but_the_slowest() -> None:
    """Of a hundred, the 99th; of few, the last."""
    assert share_within([float(n) for n in range(100, 0, -1)], 0.99) == 99.0
    assert share_within([3.0, 1.0, 2.0], 0.99) == 3.0
    assert share_within([3.0, 1.0, 2.0], 0.5) == 2.0


def test_commits_are_shared_out_within_their_bucket() -> None:
    """Counted between two looks; in the last bucket, which has no end, its beginning is said."""
    infinite = float("inf")
    before = {0.001: 10.0, 0.01: 10.0, infinite: 10.0}
    assert commit_quantile(before, {0.001: 60.0, 0.01: 110.0, infinite: 110.0}, 0.5) == pytest.approx(0.001)
    assert commit_quantile(before, {0.001: 60.0, 0.01: 110.0, infinite: 110.0}, 0.75) == pytest.approx(0.0055)
    assert commit_quantile({}, {0.001: 0.0, 0.01: 1.0, infinite: 9.0}, 0.99) == 0.01
    with pytest.raises(ValueError, match="nothing"):
        commit_quantile(before, before, 0.99)
