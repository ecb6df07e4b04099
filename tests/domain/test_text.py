"""Texts from outside: what is trimmed, and what is refused."""

from __future__ import annotations

import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from engine.domain.text import Line, Name, Paragraphs, line, paragraphs

CONTROLS = [chr(code) for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\t\r\n"]
BLANK = [one for one in filter(str.isspace, map(chr, range(sys.maxunicode + 1))) if one not in CONTROLS]
ADAPTERS: list[TypeAdapter[str]] = [TypeAdapter(kind) for kind in (Line, Name, Paragraphs)]


@pytest.mark.parametrize("adapter", ADAPTERS)
@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: f"U+{ord(control):04X}")
def test_a_control_character_is_refused_wherever_it_stands(adapter: TypeAdapter[str], control: str) -> None:
    """At the ends too, among what is trimmed there, and alone."""
    for text in (f"a{control}b", f"{control}abc", f"abc{control}", f" \n{control} abc", f"abc {control}\n"):
        with pytest.raises(ValidationError):
            adapter.validate_python(text)
    with pytest.raises(ValueError, match="control"):
        line(control)
    with pytest.raises(ValueError, match="control"):
        paragraphs(control)


@given(st.text(st.sampled_from(BLANK)), st.text(st.sampled_from(BLANK)))
def test_what_is_blank_at_the_ends_is_trimmed(before: str, after: str) -> None:
    """Spaces of every width, tabs and line breaks."""
    for adapter in ADAPTERS:
        assert adapter.validate_python(f"{before}a b{after}") == "a b"


@given(st.text())
def test_a_text_is_refused_or_comes_out_clean(text: str) -> None:
    """Nothing that is taken has blanks at its ends, or control characters in it."""
    for clean in (line, paragraphs):
        try:
            taken = clean(text)
        except ValueError:
            continue
        assert taken == taken.strip()
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", taken)
