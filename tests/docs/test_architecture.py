"""The drawing of the architecture in the documents: what the code is, and shown."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

from tests.docs.architecture import DRAWING, ROOT, drawing
from tests.docs.pages import DOCS

_SVG = "{http://www.w3.org/2000/svg}"


def test_the_drawing_is_what_the_code_is() -> None:
    """After a change of layers, heads or imports ``python -m tests.docs.architecture`` draws it anew."""
    assert DRAWING.read_text("utf-8") == drawing()


def test_the_drawing_is_shown_with_words_for_those_who_do_not_see_it() -> None:
    """On the page that leads into the code, and in the file itself."""
    page = (DOCS / "carrying-on.md").read_text("utf-8")
    (words,) = re.findall(r"!\[([^]]*)\]\(architecture\.svg\)", page)
    assert len(words) >= 100
    root = ElementTree.fromstring(DRAWING.read_text("utf-8"))
    labels = [root.findtext(f"{_SVG}{each}") for each in ("title", "desc")]
    assert all(labels)


def test_every_package_is_drawn() -> None:
    """Each package of the engine and of the publisher."""
    root = ElementTree.fromstring(DRAWING.read_text("utf-8"))
    names = [text.text for text in root.iter(f"{_SVG}text") if text.get("class") == "name"]
    packages = [
        head.parent.name for top in ("engine", "publisher") for head in (ROOT / top).glob("*/__init__.py")
    ]
    assert packages
    assert set(packages) <= set(names)
    assert len(names) == len(set(names))
