"""Recordings as other programs write them: the same beats give the same figures, or a refusal that names the line."""

from __future__ import annotations

import codecs
import math
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Final

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from typer.testing import CliRunner

from engine.cli import app
from engine.recordings.reader import BadRecording, Unit, read

# Sixty beats of a heart that follows the breath, below and above a second.
RR: Final = [round(985 + 60 * math.sin(i / 2) + 11 * math.sin(i * 1.7)) for i in range(60)]
ENDS: Final = list(accumulate(RR))


def seconds(ms: float, mark: str = ".") -> str:
    """Return milliseconds as seconds of three decimals."""
    return f"{ms / 1000:.3f}".replace(".", mark)


def lines(rows: list[str], end: str = "\n") -> str:
    """Return rows as a file."""
    return end.join(rows) + end


PAIRS: Final = list(zip(ENDS, RR, strict=True))
MS: Final = [str(value) for value in RR]
SHAPES: Final = {
    "one millisecond value a line": lines(MS),
    "seconds": lines([seconds(v) for v in RR]),
    "seconds with a decimal comma": lines([seconds(v, ",") for v in RR]),
    "seconds without trailing zeros, decimal comma": lines([f"{v / 1000:g}".replace(".", ",") for v in RR]),
    "milliseconds with a decimal comma": lines([f"{v},00" for v in RR]),
    "Kubios: time and RR in seconds, tab": lines([f"{seconds(t)}\t{seconds(v)}" for t, v in PAIRS]),
    "Kubios with decimal commas": lines([f"{seconds(t, ',')}\t{seconds(v, ',')}" for t, v in PAIRS]),
    "Kubios with spaces and decimal commas": lines(
        [f"{seconds(t, ',')}  {seconds(v, ',')}" for t, v in PAIRS]
    ),
    "Kubios with commas": lines([f"{seconds(t)},{seconds(v)}" for t, v in PAIRS]),
    "time in seconds and RR in milliseconds": lines([f"{seconds(t)};{v}" for t, v in PAIRS]),
    "time in milliseconds, RR, commas": lines([f"{t},{v}" for t, v in PAIRS]),
    "RR before time": lines([f"{v} {t}" for t, v in PAIRS]),
    "time of a clock that jumps where contact was lost": lines(
        [f"{t + 50_000 + 7000 * (i > 30)}\t{v}" for i, (t, v) in enumerate(PAIRS)]
    ),
    "a header": lines(["RR", *MS]),
    "a quoted header": lines(['"RR (ms)"', *MS]),
    "a preamble of words, then the header": lines(["Device: strap", "", "IBI", *MS]),
    "a German header in seconds": lines(["RR (s)", *[seconds(v, ",") for v in RR]]),
    "timestamp and RR, semicolon": lines(
        [
            "Phone timestamp;RR-interval [ms]",
            *[f"2026-03-04T07:30:{i % 60:02d}.856;{v}" for i, v in enumerate(RR)],
        ]
    ),
    "timestamp and RR without a header": lines(
        [f"2026-03-04 07:30:{i % 60:02d}.856,{v}" for i, v in enumerate(RR)]
    ),
    "a column of flags": lines(["timestamp,rr_ms,artifact", *[f"{t},{v},0" for t, v in PAIRS]]),
    "heart rate beside RR": lines(["time\tHR\tNN", *[f"{t}\t{60000 // v}\t{v}" for t, v in PAIRS]]),
    "notes in some lines": lines(["rr;note", f"{RR[0]};start", *[f"{v};" for v in RR[1:-1]], f"{RR[-1]}"]),
    "RR in two units": lines(["RR (s),RR (ms)", *[f"{seconds(v)},{v}" for v in RR]]),
    "quoted decimal commas": lines(
        ["time,rr", *[f'"{seconds(t, ",")}","{seconds(v, ",")}"' for t, v in PAIRS]]
    ),
    "comments": lines(["# Device: strap", "# Start: 2026-03-04 07:30", *MS, "# end"]),
    "trailing commas": lines([f"{v}," for v in RR]),
    "trailing semicolons": lines([f"{v};" for v in RR]),
    "one line with spaces": " ".join(MS),
    "one line with commas": ",".join(MS),
    "one line with commas and spaces": ", ".join(MS),
    "one line of seconds with decimal commas": " ".join(seconds(v, ",") for v in RR),
    "one line with semicolons under a header": "rr\n" + ";".join(MS) + ";\n",
    "blank lines": lines([f"{v}\n" for v in RR]),
    "Windows": lines(MS, "\r\n"),
    "old Macintosh": lines(MS, "\r"),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_same_beats_are_read_from_every_shape(shape: str) -> None:
    """Whatever the separator, unit, header and line ends, the intervals are the same."""
    assert read(SHAPES[shape].encode()).values == pytest.approx(RR, abs=1e-9)


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (b"", "utf-16-le"),
        (b"", "utf-16-be"),
        (b"", "cp1252"),
    ],
)
def test_every_encoding_is_read(mark: bytes, encoding: str) -> None:
    """A byte order mark tells the encoding; without one, zeros in every second byte do."""
    text = lines(["RR", *MS], "\r\n")
    raw = mark + (text.replace("RR", "Abst\xe4nde") if encoding == "cp1252" else text).encode(encoding)
    assert read(raw).values == RR


def test_what_the_unit_was_told_by_is_said() -> None:
    """Values, header or option: the reading says which."""
    assert read(b"856\n890\n").read_as.unit_from == "values"
    assert read(b"rr_ms\n856\n890\n").read_as.unit_from == "header"
    assert read(b"856\n890\n", unit=Unit.MILLISECONDS).read_as.unit_from == "option"
    reply = read(SHAPES["Kubios with decimal commas"].encode()).read_as
    assert reply.as_json() == {
        "unit": "s",
        "unit_from": "values",
        "column": 2,
        "columns": 2,
        "column_name": None,
        "separator": "tab",
        "decimal_mark": "comma",
    }
    assert reply.in_words() == "seconds, told by the values; column 2 of 2; decimal comma"


def test_options_decide() -> None:
    """A column is named by its header or number, the unit of sensors only by the option."""
    two = lines(["left;right", *[f"{v};{v + 5}" for v in RR]]).encode()
    assert read(two, column="RIGHT").values == [v + 5 for v in RR]
    assert read(two, column="1").values == RR
    assert read(b"1024\n512\n1024\n", unit=Unit.TICKS).values == [1000, 500, 1000]
    assert read(b"RR (1/1024 s)\n1024\n512\n1024\n").values == [1000, 500, 1000]
    flags = lines([f"{v},{i % 7 == 0:d}" for i, v in enumerate(RR)]).encode()
    assert read(flags, column="1").values == RR


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        # Contact that was lost: no figure is made over the gap.
        (lines([*MS[:20], "0", "0", *MS]), 21, "no beat was seen"),
        (lines([*MS[:5], "NaN", *MS]), 6, "no beat was seen"),
        (lines(["t,rr", *[f"{t},{v}" for t, v in PAIRS], "1,"]), 62, "no value in column 2"),
        (lines([*MS, "-800"]), 61, "no positive"),
        (lines([*MS, "1e999"]), 61, "no positive"),
        # Two columns that both can be it, with and without a header.
        (lines([f"{v};{v + 9}" for v in RR]), 1, "column 1 is the interval, '985'.*column 2"),
        (lines(["rr;nn", *[f"{v};{v + 9}" for v in RR]]), 2, "column 1 .*column 2"),
        (lines([f"{v},{i % 7 == 0:d}" for i, v in enumerate(RR)]), 1, "one value, '985,1', or as 2 columns"),
        (lines([f"{v},{60000 // v}" for v in RR]), 1, "one value, '985,60', or as 2 columns"),
        ("856 890\n", 1, "2 intervals on one line, or as 2 columns"),
        # No column can be it.
        (lines(["time,power", *[f"{t},{v}" for t, v in enumerate(RR)]]), 1, "'time', 'power'"),
        (lines([f"{t};{60000 // v}" for t, v in enumerate(RR)]), 1, "none of its 2 columns"),
        # Values that are no intervals: heart rates, times of beats, microseconds.
        (lines([str(60000 // v) for v in RR]), 1, "as milliseconds 1000 and as seconds 1 beats a minute"),
        (lines([f"{60000 // v}" for v in RR]), 1, "no intervals between beats"),
        (lines(["bpm", *MS]), 1, "heart rates"),
        (lines([f"{v}000" for v in RR]), 1, "no intervals between beats"),
        (lines([seconds(900_000 + t) for t in ENDS]), 1, "times of beats"),
        (lines([str(t) for t in ENDS[:15]]), 1, "no intervals|times of beats"),
        # Two units: header against values, a file put together from two, the times beside the values.
        (lines(["RR (ms)", *[seconds(v) for v in RR]]), 1, "says milliseconds, the values are of seconds"),
        (lines(["RR (s)", *MS]), 1, "says seconds, the values are of milliseconds"),
        (lines([*MS, *[seconds(v) for v in RR[:20]]]), 61, "0.985 ms, or seconds, 985 ms"),
        (lines([*[seconds(v) for v in RR], *MS[:20]]), 61, "985000 ms, or milliseconds, 985 ms"),
        (lines([f"{seconds(t)};{v * 1.024:.0f}" for t, v in PAIRS]), 1, "1/1024 of a second by the times"),
        # Lines that do not fit.
        (lines([*MS, "856 890"]), 61, "is 2 values, line 1 is one value"),
        (lines([*MS, "856;890"]), 61, "is 2 values"),
        (lines([*MS, "abc", "856"]), 61, "no positive number"),
        (lines(["856.5", "857,5", "858.5"]), 2, "a decimal point in some values and a comma in others"),
        ("rr\n", 1, "holds no intervals"),
        ("# nothing\n", 0, "holds no intervals"),
    ],
)
def test_what_cannot_be_told_is_refused_with_its_line(text: str, line: int, said: str) -> None:
    """Ambiguous or impossible input is an error that names the line and both readings, never a figure."""
    with pytest.raises(BadRecording, match=said) as refused:
        read(text.encode())
    assert line == 0 or str(refused.value).startswith(f"line {line}:")


@pytest.mark.parametrize(
    ("column", "said"),
    [("3", "there is no column 3"), ("0", "there is no column 0"), ("ibi", "no column called")],
)
def test_a_column_that_is_not_there_is_said(column: str, said: str) -> None:
    """An option that fits nothing is refused, with what the header has."""
    with pytest.raises(BadRecording, match=said):
        read(b"time,rr\n856,856\n1746,890\n", column=column)


def test_the_command_says_how_it_read_and_takes_the_options(tmp_path: Path) -> None:
    """The table ends with how the file was read; a wrong unit is a usage error; refusals exit with 1."""
    file = tmp_path / "r.csv"
    file.write_text(lines(["left;right", *[f"{v};{v + 5}" for v in RR]]))
    command = CliRunner()
    assert command.invoke(app, ["analyze", str(file)]).exit_code == 1
    found = command.invoke(app, ["analyze", str(file), "--column", "right", "--unit", "ms"])
    assert found.exit_code == 0
    assert "Read as milliseconds, as asked for; column 2 'right' of 2." in found.stdout
    assert command.invoke(app, ["analyze", str(file), "--unit", "min"]).exit_code == 2
    assert command.invoke(app, ["analyze", str(file), "--column", "1", "--unit", "s"]).exit_code == 1


def attempt(raw: bytes) -> list[float] | None:
    """Return the intervals of a file, or None where it is refused."""
    try:
        return read(raw).values
    except BadRecording:
        return None


@st.composite
def hearts(draw: st.DrawFn) -> list[int]:
    """Intervals (ms) of a heart: a level, and steps that stay around it."""
    level = draw(st.integers(380, 1700))
    steps = draw(st.lists(st.integers(-70, 70), min_size=4, max_size=80))
    values = [level + step for step in steps]
    assume(len(set(values)) > 1 and any(a > b for a, b in pairwise(values)))
    return values


@example(
    rr=[1300, 1300, 1300, 1299],
    unit="s",
    mark=",",
    separator=" ",
    times="none",
    header=False,
    end="\n",
    trailing=False,
    encoding="utf-8",
)
@given(
    rr=hearts(),
    unit=st.sampled_from(["ms", "s"]),
    mark=st.sampled_from([".", ","]),
    separator=st.sampled_from(["\t", ";", ",", " ", "  ", ", ", "; "]),
    times=st.sampled_from(["none", "s", "ms"]),
    header=st.booleans(),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    trailing=st.booleans(),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_what_is_written_is_read_or_refused_but_never_misread(
    *,
    rr: list[int],
    unit: str,
    mark: str,
    separator: str,
    times: str,
    header: bool,
    end: str,
    trailing: bool,
    encoding: str,
) -> None:
    """Over shapes, units and separators: the intervals that were written come back.

    Without a header ``1,300`` may be 1.3 s or the columns 1 and 300: that may be refused too.
    """
    assume(not (mark == "," and separator.startswith(",") and (unit == "s" or times == "s")))
    written = [seconds(v, mark) if unit == "s" else str(v) for v in rr]
    if times != "none":
        ends = [seconds(t, mark) if times == "s" else str(t) for t in accumulate(rr)]
        written = [f"{t}{separator}{v}" for t, v in zip(ends, written, strict=True)]
    if trailing and not (separator.isspace() or (mark == "," and separator.startswith(","))):
        written = [row + separator.strip() for row in written]
    if header:
        written.insert(0, "rr" if times == "none" else f"time{separator}RR")
    raw = end.join(written).encode(encoding)
    two_ways = not header and times == "none" and unit == "s" and mark == "," and min(rr) >= 1_000
    if two_ways and attempt(raw) is None:
        return
    assert read(raw).values == pytest.approx(rr, abs=1e-9)


@given(st.lists(st.tuples(st.integers(300, 2000), st.integers(0, 2000)), min_size=2, max_size=30))
def test_two_whole_numbers_and_a_comma_are_never_misread(pairs: list[tuple[int, int]]) -> None:
    """Without a header, what may be a decimal comma or two columns is one of both or is refused."""
    readings = [
        [float(a) for a, _ in pairs],
        [float(b) for _, b in pairs],
        [float(f"{a}.{b}") for a, b in pairs],
    ]
    assert attempt(lines([f"{a},{b}" for a, b in pairs]).encode()) in (None, *readings)


@given(
    st.one_of(
        st.binary(max_size=200), st.text('0123456789.,;\t \n#"ersmnaN-+()/', max_size=120).map(str.encode)
    )
)
def test_nothing_breaks_the_reader(raw: bytes) -> None:
    """Whatever the bytes, there are positive finite intervals or a refusal in words."""
    values = attempt(raw)
    assert values is None or (values and all(0 < value < math.inf for value in values))
