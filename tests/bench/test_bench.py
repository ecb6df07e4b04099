"""The load generator counts every delivery once, and the report says what was measured."""

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench.dialects import CLOCK_DIGITS, DIALECTS, MARK, payload, text_frame
from bench.fleet import Fleet, Lost
from bench.halcytone import NAME
from bench.plan import MARKS, WORKS
from bench.report import Results, as_json, disturbance, markdown, picture, write
from bench.workloads import quantile

MACHINE = {"processor": "a chip", "cores": "2", "system": "a system", "python": "3", "date": "today"}


@pytest.fixture
def far_ends() -> Iterator[tuple[int, list[socket.socket]]]:
    """A port, and the server's ends of what connected to it: each is answered `hello` once it has spoken."""
    listener = socket.create_server(("127.0.0.1", 0))
    accepted: list[socket.socket] = []

    def accept() -> None:
        while True:
            try:
                end, _ = listener.accept()
            except OSError:
                return
            end.recv(1024)
            accepted.append(end)
            end.sendall(b"hello")

    thread = threading.Thread(target=accept)
    thread.start()
    yield listener.getsockname()[1], accepted
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()
    for end in accepted:
        end.close()


def test_a_payload_has_its_size_one_mark_and_the_senders_clock() -> None:
    """Payloads are exactly as long as asked for and are counted once, whatever dialect wraps them."""
    body = payload(200, 1234567890)
    assert len(body) == 200
    assert int(body[1 : 1 + CLOCK_DIGITS]) == 1234567890
    for dialect in DIALECTS.values():
        assert dialect.say("room", body).count(MARK) == 1


def test_client_frames_are_masked_and_say_their_length() -> None:
    """A server must refuse unmasked frames, so these are masked; long ones have the long header."""
    assert text_frame(b"abc") == b"\x81\x83\x00\x00\x00\x00abc"
    assert text_frame(b"a" * 300)[:8] == b"\x81\xfe\x01\x2c\x00\x00\x00\x00"


def test_a_fleet_counts_marks_in_whatever_pieces_they_come(
    far_ends: tuple[int, list[socket.socket]],
) -> None:
    """Deliveries are counted per socket, joined or cut, and settle() accepts exactly the number due."""
    port, ends = far_ends
    fleet = Fleet(port)
    heard = fleet.join([[(b"hi", b"hello")], [(b"hi", b"hello")]])
    assert heard == [b"hello", b"hello"]
    body = payload(200, 7)
    ends[0].sendall(body * 3 + body[:100])
    fleet.settle(4, patience_s=5)
    ends[0].sendall(body[100:])
    ends[1].sendall(body)
    fleet.settle(5, patience_s=5)
    assert sorted(fleet.counts) == [1, 4]
    ends[1].sendall(body * 2)
    with pytest.raises(Lost, match="7 deliveries came where 6 were due"):
        fleet.settle(6, patience_s=5)
    with pytest.raises(Lost, match="7 of 8"):
        fleet.settle(8, patience_s=0.05)
    fleet.abort()


def test_a_socket_that_the_server_closes_is_not_overlooked(
    far_ends: tuple[int, list[socket.socket]],
) -> None:
    """A closed socket fails the work instead of lowering its figures."""
    port, ends = far_ends
    fleet = Fleet(port)
    fleet.join([[(b"hi", b"hello")]])
    ends[0].close()
    with pytest.raises(Lost, match="closed socket 0"):
        fleet.settle(1, patience_s=5)
    fleet.abort()


def test_quantiles_are_of_the_sorted_values() -> None:
    """Nanoseconds become milliseconds, and the share is of the values."""
    values = [number * 1_000_000 for number in range(100, 0, -1)]
    assert quantile(values, 0.5) == 51
    assert quantile(values, 0.99) == 100


def results(others: float = 0.0) -> Results:
    """Two servers at one work, two rounds each."""
    found = Results(
        "bench", MACHINE, {"one room": WORKS(1)["one room"]}, missing={"nchan": "it is not installed"}
    )
    busy = {"busy": 0.4, "server_busy": 0.9, "others_busy": others}
    found.rounds["one room"] = {
        NAME: [{"deliveries_per_s": 300_000.0, **busy}, {"deliveries_per_s": 500_000.0, **busy}],
        "NATS over WebSocket": [
            {"deliveries_per_s": 200_000.0, **busy},
            {"deliveries_per_s": 200_000.0, **busy},
        ],
    }
    found.failed["one room"] = {"Node ws": "it fell over"}
    return found


def test_the_table_has_medians_ratios_marks_and_what_is_missing() -> None:
    """Everything that a reader needs to judge the figures stands in the table."""
    table = markdown(results())
    assert "| **Halcytone Live** | 400,000 (300,000–500,000) | 1.00 | 90% | 40% |" in table
    assert "| NATS over WebSocket | 200,000 (200,000–200,000) | 2.00 |" in table
    assert "| one room, times NATS | ≥ 1 | ≥ 1.5 | 2.00 | goal |" in table
    assert "nchan was left out: it is not installed." in table
    assert "Node ws failed it: it fell over" in table
    assert "do not trust" not in table


def test_a_disturbed_run_says_so() -> None:
    """When other programs took the processor, the table warns of its own figures."""
    assert disturbance(results(0.5)) == 0.5
    assert "do not trust" in markdown(results(0.5))


def test_the_results_are_written_for_machines_and_eyes(tmp_path: Path) -> None:
    """JSON, table and a picture without script or address lie side by side."""
    write(results(), tmp_path / "results.json")
    written = json.loads((tmp_path / "results.json").read_text())
    assert written == as_json(results())
    assert written["works"]["one room"]["medians"] == {NAME: 400_000.0, "NATS over WebSocket": 200_000.0}
    svg = (tmp_path / "results.svg").read_text()
    assert ElementTree.fromstring(svg).tag == "{http://www.w3.org/2000/svg}svg"
    assert svg == picture(results())
    assert (tmp_path / "results.md").exists()


def test_marks_know_bar_and_goal_in_both_directions() -> None:
    """At least is reached from above, at most from below."""
    nats = next(mark for mark in MARKS if "NATS" in mark.text)
    memory = next(mark for mark in MARKS if "memory per idle" in mark.text)
    assert [nats.reached(value) for value in (0.9, 1.0, 1.5)] == ["no", "bar", "goal"]
    assert [memory.reached(value) for value in (21.0, 20.0, 16.0)] == ["no", "bar", "goal"]
