"""What ``make installation`` takes from the files of ``deploy/`` is what stands in them."""

from __future__ import annotations

from pathlib import Path

from tests.installation.__main__ import blocks, environment_of_image, services_on, steps_of_image

DEPLOY = Path(__file__).parents[2] / "deploy"


def test_code_is_taken_out_of_a_list() -> None:
    """Without the list's indentation, and of one language alone."""
    text = "1. Do:\n\n   ```bash\n   a\n     b\n   ```\n\n```ini\nc = 1\n```\n"
    assert blocks(text, "bash") == ["a\n  b\n"]
    assert blocks(text, "ini") == ["c = 1\n"]


def test_the_first_steps_of_the_readme_install() -> None:
    """Locked dependencies, and the wheel of the checkout."""
    first = blocks((DEPLOY / "README.md").read_text("utf-8"), "bash")[0]
    assert "--require-hashes -r requirements/runtime.lock" in first
    assert "pip wheel" in first


def test_the_image_is_made_by_its_own_steps() -> None:
    """Lines that go on are one command."""
    text = "FROM x\nRUN a \\\n    && b\nENV A=1 B=2\nRUN c\n"
    assert steps_of_image(text) == "a && b\nc\n"
    assert environment_of_image(text) == {"A": "1", "B": "2"}
    assert "requirements/cluster.lock" in steps_of_image((DEPLOY / "Containerfile").read_text("utf-8"))


def test_the_compose_files_services_have_what_they_are_given() -> None:
    """Three, with the domain and the password in their places."""
    services = services_on("studio.example", "secret")
    assert services.keys() == {"server", "database", "caddy"}
    assert services["server"]["environment"]["HALCYTONE_PUBLIC_URL"] == "https://studio.example"
    assert "$" not in str(services)
    assert ":secret@database/" in services["server"]["environment"]["HALCYTONE_DATABASE_URL"]
