"""``halcytone doctor``: prints the findings of ``engine.operations.doctor``."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from pathlib import Path

import typer

from engine.commands.terminal import Status, say, settings_for
from engine.operations.doctor import Finding, Verdict, run_checks

__all__ = ["doctor"]

_MARKS = {
    Verdict.GOOD: ("✓", typer.colors.GREEN),
    Verdict.LOOK: ("!", typer.colors.YELLOW),
    Verdict.MEND: ("✗", typer.colors.RED),
}


def doctor(config: Path | None, data: Path | None, public_url: str | None, *, as_json: bool) -> None:
    """Print each finding as its check ends; exits with 1 when one must be mended."""
    settings = settings_for(config, data=data, public_url=public_url)

    async def print_findings() -> list[Finding]:
        findings = []
        async for finding in run_checks(settings):
            findings.append(finding)
            if not as_json:
                _print(finding)
        return findings

    findings = asyncio.run(print_findings())
    if as_json:
        say(json.dumps([asdict(finding) for finding in findings], indent=2))
    to_mend = sum(finding.verdict is Verdict.MEND for finding in findings)
    to_look_at = sum(finding.verdict is Verdict.LOOK for finding in findings)
    if not as_json:
        summary = f"{to_mend} to mend" if to_mend else "Nothing to mend"
        say(f"\n{summary}, {to_look_at} to look at." if to_look_at else f"\n{summary}.")
    raise typer.Exit(Status.FAILED if to_mend else Status.DONE)


def _print(finding: Finding) -> None:
    mark, colour = _MARKS[finding.verdict]
    typer.secho(f"{mark} {finding.what}: ", fg=colour, nl=False)
    say(finding.sentence)
    if finding.remedy:
        say(f"    {finding.remedy}")
