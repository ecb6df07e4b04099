"""The catalogue of techniques, its patterns, and the names people give them."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain.techniques.lookup import CATALOGUE, Pattern, custom, find, named, slug_of


def test_every_row_is_reachable_by_name_slug_and_alias() -> None:
    """Each technique answers to its name, its slug and all its aliases, whatever the case."""
    for slug, row in CATALOGUE.items():
        assert slug == row.slug == slug_of(row.name)
        for name in (row.name, row.slug, *row.aliases):
            assert find(name) is row
            assert find(f"  {name.upper()} ") is row


def test_aliases_belong_to_one_technique() -> None:
    """No alias is claimed by two techniques."""
    claimed = [slug_of(name) for row in CATALOGUE.values() for name in {row.name, *row.aliases}]
    assert len(set(claimed)) == sum(
        len({slug_of(n) for n in (r.name, *r.aliases)}) for r in CATALOGUE.values()
    )


@pytest.mark.parametrize(
    ("name", "cycle_s"),
    [
        ("box breathing", 16),
        ("4-7-8", 19),
        ("Coherent Breathing", 11),
        ("Cyclic Sighing", 9),
        ("Triangle", 12),
    ],
)
def test_cycles_have_the_published_length(name: str, cycle_s: float) -> None:
    """The patterns of the catalogue last what their sources say."""
    technique = find(name)
    assert technique is not None
    assert technique.pattern is not None
    assert technique.pattern.cycle_ms == cycle_s * 1000


def test_demanding_techniques_carry_cautions_and_a_gentle_alternative() -> None:
    """Groups A and B are opt-in, cite sources, and name an alternative that is open to everybody."""
    demanding = {row.name: row for row in CATALOGUE.values() if row.opt_in}
    assert {name: row.group for name, row in demanding.items()} == {
        "Breath of Fire": "A",
        "Bhastrika": "A",
        "Wim Hof": "B",
    }
    for row in demanding.values():
        assert row.cautions
        assert row.sources
        assert row.gentle is not None
        gentle = find(row.gentle)
        assert gentle is not None
        assert not gentle.opt_in


def test_group_b_is_not_scored_and_has_no_rate() -> None:
    """A round with breath retention has no single rate and is left out of the heart figures."""
    wim_hof = find("Wim Hof Method")
    assert wim_hof is not None
    assert wim_hof.pattern is not None
    assert not wim_hof.scored
    assert wim_hof.pattern.hz is None
    assert [step.name for step in wim_hof.pattern.steps[60:]] == ["rest", "inhale", "hold", "exhale"]
    assert any("water" in caution for caution in wim_hof.cautions)


def test_a_box_has_four_equal_sides() -> None:
    """In, hold, out, rest, each as long, and the cycle is all of them."""
    box = Pattern.of(4, 4, 4, 4)
    assert [(step.name, step.ms) for step in box.steps] == [
        ("inhale", 4000),
        ("hold", 4000),
        ("exhale", 4000),
        ("rest", 4000),
    ]
    assert box.cycle_ms == 16_000


def test_the_double_inhale_is_two_steps() -> None:
    """Cyclic sighing fills the lungs in two steps before the long exhale."""
    sighing = find("physiological sigh")
    assert sighing is not None
    assert sighing.pattern is not None
    assert [step.name for step in sighing.pattern.steps] == ["inhale", "sip", "exhale"]
    assert sighing.pattern.steps[0].fullness_to == sighing.pattern.steps[1].fullness_from


def test_a_name_may_carry_its_pattern() -> None:
    """An instructor's own technique takes the pattern written in its name, or has none."""
    tide = named("Ocean Tide 5-0-7-0")
    assert tide.pattern == Pattern.of(5, 0, 7, 0)
    assert named("Ocean Tide").pattern is None
    assert named("Retreat 2026-11-22").pattern is None
    assert custom("Ocean", Pattern.of(3, 0, 3)).pattern == Pattern.of(3, 0, 3)
    assert named("BOX breathing").name == "Box Breathing"


@pytest.mark.parametrize(
    "seconds", [(0, 0, 4, 0), (4, 0, 0, 0), (-1, 0, 4, 0), (121, 0, 4, 0), (0.1, 0, 0.1, 0)]
)
def test_impossible_patterns_are_refused(seconds: tuple[float, float, float, float]) -> None:
    """A pattern without an inhale or an exhale, or of absurd length, raises."""
    with pytest.raises(ValueError, match="second"):
        Pattern.of(*seconds)


def test_names_of_any_script_get_distinct_safe_slugs() -> None:
    """Names that ASCII cannot write still get a page each."""
    assert slug_of("呼吸法") != slug_of("冥想")
    assert slug_of("Box 呼吸") != slug_of("Box 冥想")
    assert slug_of("🌬️") != ""
    assert slug_of("Crème brûlée") == "creme-brulee"
    assert slug_of("Lion’s Breath") == "lions-breath"


@given(st.text(min_size=0, max_size=120))
def test_every_name_gets_a_safe_slug(name: str) -> None:
    """Whatever the name, the slug is a lower-case path segment of bounded length."""
    slug = slug_of(name)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug)
    assert len(slug) <= 80


@pytest.mark.parametrize("slug", [row.slug for row in CATALOGUE.values()])
def test_cycles_have_no_seam(slug: str) -> None:
    """Every step lasts, and begins at the fullness at which the one before it ended, round the cycle."""
    pattern = CATALOGUE[slug].pattern
    assert pattern is not None
    assert all(step.ms > 0 for step in pattern.steps)
    assert pattern.cycle_ms == sum(step.ms for step in pattern.steps)
    fullness = [(s.fullness_from, s.fullness_to) for s in pattern.steps]
    assert all(a[1] == b[0] for a, b in zip(fullness, fullness[1:] + fullness[:1], strict=True))


def test_the_catalogue_is_json() -> None:
    """Pages get the catalogue as plain JSON with every step of every pattern."""
    received = json.loads(json.dumps([row.as_json() for row in CATALOGUE.values()]))
    assert [(one["name"], len(one["pattern"]["steps"])) for one in received] == [
        (row.name, len(row.pattern.steps)) for row in CATALOGUE.values() if row.pattern is not None
    ]
    assert received[0]["pattern"]["steps"][0] == {"name": "inhale", "ms": 4000, "from": 0.0, "to": 1.0}
