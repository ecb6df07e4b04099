"""The types of the JavaScript client: committed, of every module it imports, and as new as the code."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import engine.web

STATIC = Path(engine.web.__file__).parent / "static"
TYPES = sorted(path.name for path in STATIC.glob("*.d.ts"))
TSC = Path(__file__).parents[2] / ".ci" / "npm" / "node_modules" / ".bin" / "tsc"


def test_every_module_of_the_client_has_its_types() -> None:
    """Those that it imports, and those that these import."""
    wanted, reached = ["halcytone-client.js"], set[str]()
    while wanted:
        name = wanted.pop()
        reached.add(name.replace(".js", ".d.ts"))
        imported = re.findall(r'^import .* from "\./([\w-]+\.js)"', (STATIC / name).read_text(), re.M)
        wanted += [each for each in imported if each.replace(".js", ".d.ts") not in reached]
    assert set(TYPES) == reached


@pytest.mark.parametrize("name", TYPES)
def test_types_name_what_the_code_has(name: str) -> None:
    """Every class, function and method that is exported, and nothing that is gone; `make types-js` makes them anew."""
    code, types = ((STATIC / name.replace(".d.ts", end)).read_text() for end in (".js", ".d.ts"))
    exported = r"^export (?:declare )?(?:class|function|const) (\w+)"
    assert set(re.findall(exported, code, re.M)) == set(re.findall(exported, types, re.M))
    methods = set(
        re.findall(r"^  (?:async )?(?!if|for|while|switch|constructor)([a-z]\w*)\(.*\) {$", code, re.M)
    )
    described = set(re.findall(r"^    ([a-z]\w*)\(", types, re.M)) - {"constructor"}
    assert methods == described


def test_types_are_those_that_the_compiler_makes(tmp_path: Path) -> None:
    """Byte for byte, where the compiler is installed; elsewhere the head of each is at least that of its module."""
    if not TSC.exists() or shutil.which("node") is None:
        assert all((STATIC / name).read_text().startswith(("/**", "export", "import")) for name in TYPES)
        return
    made, sources = tmp_path / "made", tmp_path / "sources"
    # Without the types: the compiler would take them for the modules.
    shutil.copytree(STATIC, sources, ignore=shutil.ignore_patterns("*.d.ts"))
    options = "--allowJs --declaration --emitDeclarationOnly --skipLibCheck --target es2022 --module es2022"
    library = ["--lib", "es2022,dom,dom.iterable", "--outDir", str(made)]
    client = str(sources / "halcytone-client.js")
    subprocess.run([str(TSC), *options.split(), *library, client], check=True, timeout=100)
    assert {path.name: path.read_text() for path in made.iterdir()} == {
        name: (STATIC / name).read_text() for name in TYPES
    }
