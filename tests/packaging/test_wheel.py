"""The distribution: what is in it, and a life of its own outside the checkout."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import aiohttp
import pytest

from halcytone.client import LiveClient
from tests.journey.server import Server, asked
from tests.journey.session import created, published_page

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
HAS_UV = importlib.util.find_spec("uv") is not None


def run(*command: str | Path, cwd: Path) -> None:
    result = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


def build(kind: str, source: Path, into: Path) -> Path:
    run(sys.executable, "-m", "build", f"--{kind}", "--no-isolation", "--outdir", into, source, cwd=into)
    (made,) = into.glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return made


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


def test_the_wheel_holds_templates_site_and_browser_files(wheel: Path) -> None:
    """What the programs read at run time is inside, and tests are not."""
    names = zipfile.ZipFile(wheel).namelist()
    for beginning in (
        "publisher/_data/templates/",
        "publisher/_data/site/",
        "engine/web/static/",
        "engine/recordings/",
    ):
        assert any(name.startswith(beginning) for name in names), beginning
    assert not any(name.startswith(("tests/", "bench/")) for name in names)
    assert not any("__pycache__" in name for name in names)


def test_the_source_distribution_makes_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    """Wheel from the checkout and wheel by way of the sdist are the same bytes."""
    (tmp_path / "sdist").mkdir()
    (tmp_path / "again").mkdir()
    sdist = build("sdist", ROOT, tmp_path / "sdist")
    subprocess.run(["tar", "-xf", sdist, "-C", tmp_path], check=True)
    (source,) = (path for path in tmp_path.iterdir() if path.name.startswith("halcytone_live-"))
    assert build("wheel", source, tmp_path / "again").read_bytes() == wheel.read_bytes()


@pytest.mark.timeout(300)
async def test_the_wheel_serves_a_session_from_an_empty_environment(wheel: Path, tmp_path: Path) -> None:
    """Installed elsewhere from the locked dependencies it serves, and a session is made, joined, ended and read."""
    home = tmp_path / "elsewhere"
    venv.create(home, with_pip=not HAS_UV)
    python = home / "bin" / "python"
    install(python, "--require-hashes", "-r", str(ROOT / "requirements" / "runtime.lock"), cwd=tmp_path)
    install(python, "--no-deps", str(wheel), cwd=tmp_path)

    server = Server(tmp_path / "data", [str(home / "bin" / "halcytone")])
    await server.start()
    try:
        async with aiohttp.ClientSession() as http:
            room = await created(http, server.url, "from-the-wheel")
            client = LiveClient(http, server.url, "from-the-wheel", name="Rowan")
            welcome = await client.connect()
            assert welcome["participant_count"] == 1
            await asked(http, "POST", f"{server.url}/api/v2/sessions/from-the-wheel/start")
            await asked(http, "POST", f"{server.url}/api/v2/sessions/from-the-wheel/end")
            assert await client.closed() == 1000
            assert room["title"] in await published_page(http, server.url, "from-the-wheel")
        assert await server.stop() == 0
    finally:
        await server.stop()


def install(python: Path, *what: str, cwd: Path) -> None:
    """By uv, which is quick, where the development environment has it; by pip otherwise."""
    if HAS_UV:
        run(sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", python, *what, cwd=cwd)
    else:
        run(python, "-m", "pip", "install", "--quiet", *what, cwd=cwd)
