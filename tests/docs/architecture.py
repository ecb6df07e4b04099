"""Draws the architecture for ``docs/carrying-on.md``, of the layers, heads and imports as they are: ``python -m tests.docs.architecture``.

Layers are those of the contracts in ``pyproject.toml``, which hold that imports never point up. What a package is for is the
beginning of its head, up to a colon, a bracket or the full stop; after two words or fewer, up to the first comma behind the colon.
What it uses are its imports. Of the publisher's modules that stand in no package only two are drawn: ``worker`` and ``jobs``.
"""

from __future__ import annotations

import ast
import re
import textwrap
import tomllib
from dataclasses import dataclass
from html import escape
from pathlib import Path

__all__ = ["DRAWING", "drawing"]

ROOT = Path(__file__).parents[2]
DRAWING = ROOT / "docs" / "architecture.svg"

_WIDTH, _EDGE, _GAP, _PAD, _BAND = 830, 16, 8, 10, 5
_LINE, _HEAD = 15, 18
_CHARACTER = 6.3
"""Pixels of a character at the size of the text, on the wide side of what systems have."""
_STYLE = (
    "text{font:11.5px system-ui,sans-serif;fill:#24323a}.side{font-size:15px;font-weight:600}.name{font-size:13px;font-weight:600}"
    ".layer{fill:#eef1f2}.uses{fill:#52656e}.other{fill:#8a4a12}.ground{fill:#fff}.engine{fill:#e6f2f1;stroke:#1f7a72}.publisher{fill:#f7eee3;stroke:#a8682a}"
    ".client{fill:#eef0f4;stroke:#6a7688}.down{stroke:#52656e;stroke-width:1.5;fill:none}"
    "@media(prefers-color-scheme:dark){text{fill:#e3ebee}.uses{fill:#a9bbc3}.other{fill:#eab67f}.ground{fill:#12191d}.layer{fill:#1d262b}"
    ".engine{fill:#17312f;stroke:#4fb3a9}.publisher{fill:#35281a;stroke:#d29a5c}.client{fill:#222a35;stroke:#94a2b8}.down{stroke:#a9bbc3}}"
)


@dataclass(frozen=True)
class _Package:
    side: str
    name: str
    purpose: str
    uses: str
    """Packages of the same side."""
    others: str
    """Packages of the other side, and the client."""


def _layers(side: str) -> list[list[str]]:
    """The names of a side's modules and packages, layer by layer from the top."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    (layers,) = (
        each["layers"] for each in contracts if each.get("containers") == [side] and each["type"] == "layers"
    )
    layers = [
        [name for name in re.findall(r"\w+", layer) if side == "engine" or _is_drawn(name)]
        for layer in layers
    ]
    return [layer for layer in layers if layer]


def _is_drawn(name: str) -> bool:
    return name in ("worker", "jobs") or (ROOT / "publisher" / name).is_dir()


def _files(side: str, name: str) -> list[Path]:
    folder = ROOT / side / name
    return sorted(folder.rglob("*.py")) if folder.is_dir() else [folder.with_suffix(".py")]


def _imports(files: list[Path]) -> set[tuple[str, str]]:
    """``(side, name)`` of every import of ours."""
    found = set()
    for file in files:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                modules = [f"{node.module}.{each.name}" for each in node.names]
            elif isinstance(node, ast.Import):
                modules = [each.name for each in node.names]
            else:
                continue
            found |= {tuple(module.split(".")[:2]) for module in modules if "." in module}
    return {(top, name) for top, name in found if top in ("engine", "publisher", "halcytone")}


def _first_words(file: Path) -> str:
    head = (ast.get_docstring(ast.parse(file.read_text("utf-8"))) or "").split("\n\n")[0].replace("\n", " ")
    sentence = re.split(r"\.\s", head.removeprefix("``halcytone``: ").replace("`", "").rstrip(".") + ". ")[0]
    first, _, rest = sentence.partition(":")
    first = re.split(r"[;(]", first)[0].strip()
    if len(first.removeprefix("The ").split()) <= 2 and rest:
        first = f"{first}:{re.split(r'[,;(]', rest)[0].rstrip()}"
    return first[0].upper() + first[1:]


def _package(side: str, name: str) -> _Package:
    files = _files(side, name)
    head = ROOT / side / name / "__init__.py"
    imports = _imports(files) - {(side, name)}
    other = "publisher" if side == "engine" else "engine"
    own = ", ".join(sorted(found for top, found in imports if top == side))
    across = ", ".join(sorted(found for top, found in imports if top == other))
    others = [f"{other}: {across}"] if across else []
    if any(top == "halcytone" for top, _ in imports):
        others.append("halcytone")
    return _Package(side, name, _first_words(head if head.exists() else files[0]), own, "; ".join(others))


def _rows(layer: list[str]) -> list[list[str]]:
    """A layer's packages in rows of two at most, as even as can be."""
    count = -(-len(layer) // 2)
    size = -(-len(layer) // count)
    return [layer[at : at + size] for at in range(0, len(layer), size)]


def _lines(package: _Package, width: float) -> list[tuple[str, str]]:
    """``(class, text)`` of each line under a package's name."""
    fit = int((width - 2 * _PAD) / _CHARACTER)
    lines = [("purpose", line) for line in textwrap.wrap(package.purpose, fit)]
    lines += [("uses", line) for line in textwrap.wrap(f"uses {package.uses}", fit) if package.uses]
    return lines + [
        ("other", line) for line in textwrap.wrap(f"uses {package.others}", fit) if package.others
    ]


def _box(package: _Package, x: float, y: float, width: float, height: float) -> str:
    parts = [
        f'<rect class="{package.side}" x="{x:.0f}" y="{y:.0f}" width="{width:.0f}" height="{height:.0f}" rx="5"/>',
        f'<text class="name" x="{x + _PAD:.0f}" y="{y + _HEAD:.0f}">{escape(package.name)}</text>',
    ]
    for number, (kind, text) in enumerate(_lines(package, width), start=1):
        parts.append(
            f'<text class="{kind}" x="{x + _PAD:.0f}" y="{y + _HEAD + number * _LINE:.0f}">{escape(text)}</text>'
        )
    return "".join(parts)


def _row(packages: list[_Package], x: float, y: float, width: float) -> tuple[str, float]:
    """The boxes of packages side by side, and where the next row begins."""
    each = (width - _GAP * (len(packages) - 1)) / len(packages)
    height = _HEAD + 9 + _LINE * max(len(_lines(package, each)) for package in packages)
    boxes = [_box(package, x + at * (each + _GAP), y, each, height) for at, package in enumerate(packages)]
    return "".join(boxes), y + height


def _side(side: str, title: str, x: float, width: float) -> tuple[str, float]:
    parts = [f'<text class="side" x="{x:.0f}" y="60">{escape(title)}</text>']
    y = 70.0
    for layer in _layers(side):
        begin, boxes = y, []
        for row in _rows(layer):
            drawn, y = _row([_package(side, name) for name in row], x, y + _BAND, width)
            boxes.append(drawn)
        y += _BAND
        band = f'<rect class="layer" x="{x - _BAND:.0f}" y="{begin:.0f}" width="{width + 2 * _BAND:.0f}" height="{y - begin:.0f}" rx="7"/>'
        parts += [band, *boxes]
        y += _GAP
    return "".join(parts), y


def drawing() -> str:
    """The drawing as SVG, light or dark as its reader has it."""
    left = 34 + _EDGE
    half = (_WIDTH - left - _EDGE - 24) / 2
    right = left + half + 24
    engine, engine_end = _side("engine", "engine: the server and its live sessions", left, half)
    publisher, publisher_end = _side("publisher", "publisher: a process of its own", right, half)
    client = _Package("client", "halcytone", _first_words(ROOT / "halcytone" / "__init__.py"), "", "")
    below, end = _row([client], left, max(engine_end, publisher_end) + _GAP, _WIDTH - left - _EDGE)
    bottom = end + _EDGE
    middle = bottom / 2
    arrow = (
        f'<path class="down" d="M26 74V{bottom - 24:.0f}m-5 -8l5 8l5 -8"/>'
        f'<text class="uses" transform="translate(18 {middle:.0f}) rotate(-90)" text-anchor="middle">imports never point up</text>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {bottom:.0f}" role="img" aria-labelledby="title desc">'
        '<title id="title">Architecture: packages of the engine and of the publisher</title>'
        '<desc id="desc">Two columns of layers. On the left the engine, from the command line down to the rules of a session; on the right the '
        "publisher, from its commands down to files. Each package has its purpose and the packages that it uses, which are below it, in its own layer or on the other side.</desc>"
        f'<style>{_STYLE}</style><rect class="ground" width="{_WIDTH}" height="{bottom:.0f}"/>'
        f'<text x="{left:.0f}" y="28">A package uses packages below it or in its own layer (one ground), '
        f"and those of the other column that it names.</text>{arrow}{engine}{publisher}{below}</svg>\n"
    )


if __name__ == "__main__":
    DRAWING.write_text(drawing(), encoding="utf-8")
