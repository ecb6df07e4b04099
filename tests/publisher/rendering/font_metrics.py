"""Reads advances and kerning from font files. ``python -m tests.publisher.rendering.font_metrics`` writes ``metrics.json``."""

from __future__ import annotations

import json
from typing import Any

from fontTools.ttLib import TTFont

from publisher.rendering import resources

__all__ = ["of_fonts"]

WEIGHTS = ("Regular", "SemiBold")


def of_fonts() -> dict[str, Any]:
    """What ``metrics.json`` holds: units, and for each weight the advances of letters and the kerning of pairs."""
    found: dict[str, Any] = {}
    for weight in WEIGHTS:
        font = TTFont(resources.path("site") / "fonts" / f"Figtree-{weight}.ttf")
        found["units"] = font["head"].unitsPerEm
        letters = {chr(code): name for code, name in font.getBestCmap().items() if code >= 0x20}
        found[weight] = {
            "advances": {letter: font["hmtx"][name][0] for letter, name in letters.items()},
            "kerning": _kerning(font, letters),
        }
    return found


def _kerning(font: Any, letters: dict[str, str]) -> dict[str, int]:
    table = font["GPOS"].table
    wanted = {
        number
        for record in table.FeatureList.FeatureRecord
        if record.FeatureTag == "kern"
        for number in record.Feature.LookupListIndex
    }
    values: dict[tuple[str, str], int] = {}
    for number in sorted(wanted):
        in_lookup: dict[tuple[str, str], int] = {}
        for subtable in table.LookupList.Lookup[number].SubTable:
            pairs = subtable.ExtSubTable if subtable.LookupType == 9 else subtable
            for pair, value in _pairs(pairs, font.getGlyphOrder()):
                # Within a lookup the first subtable that has a pair decides.
                in_lookup.setdefault(pair, value)
        for pair, value in in_lookup.items():
            values[pair] = values.get(pair, 0) + value
    return {
        one + other: value
        for one, first in letters.items()
        for other, second in letters.items()
        if (value := values.get((first, second), 0))
    }


def _pairs(subtable: Any, glyphs: list[str]) -> Any:
    for number, first in enumerate(subtable.Coverage.glyphs):
        if subtable.Format == 1:
            for record in subtable.PairSet[number].PairValueRecord:
                yield (first, record.SecondGlyph), getattr(record.Value1, "XAdvance", 0)
            continue
        row = subtable.Class1Record[subtable.ClassDef1.classDefs.get(first, 0)].Class2Record
        for second in glyphs:
            value = row[subtable.ClassDef2.classDefs.get(second, 0)].Value1
            yield (first, second), getattr(value, "XAdvance", 0)


if __name__ == "__main__":
    text = json.dumps(of_fonts(), ensure_ascii=False, separators=(",", ":"))
    (resources.path("site") / "fonts" / "metrics.json").write_text(text + "\n", encoding="utf-8")
