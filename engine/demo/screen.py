"""The demonstration's output: a line for each event, and the group's figures below while it runs."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.text import Text

from engine.demo.artefacts import Artefact
from engine.domain.instant import MINUTE, Millis
from halcytone.client import Message

__all__ = ["Screen"]


class Screen:
    """Prints to a terminal with a line of live figures, or to a file without it."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
        self._minute = 0
        self._live = (
            Live(console=self.console, transient=True, refresh_per_second=4)
            if self.console.is_terminal
            else None
        )

    def __enter__(self) -> Screen:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def say(self, text: str = "", style: str = "") -> None:
        """Print a plain line; ``text`` is not markup."""
        self.console.print(escape(text), style=style, soft_wrap=True)

    def event(self, at: Millis, text: str, style: str = "") -> None:
        """Print a line with the time since the script began before it."""
        minutes, seconds = divmod(at // 1000, 60)
        self.console.print(
            f"[dim]{minutes:02d}:{seconds:02d}[/]  {escape(text)}", style=style, soft_wrap=True
        )

    def figures(self, at: Millis, content: Message) -> None:
        """Show the group's figures as the instructor gets them, and print them once a minute."""
        text = _figures_text(content)
        if self._live is not None:
            minutes, seconds = divmod(at // 1000, 60)
            line = Text(
                f"{minutes:02d}:{seconds:02d}  {text}", style="cyan", no_wrap=True, overflow="ellipsis"
            )
            self._live.update(line)
        if at // MINUTE > self._minute:
            self._minute = at // MINUTE
            self.event(at, text, "cyan")

    def session_over(self) -> None:
        """Stop showing live figures; printed lines remain."""
        if self._live is not None:
            self._live.stop()

    def artefacts(self, found: list[Artefact]) -> None:
        """Print each artefact with its place, and a mark for found or missing."""
        for artefact in found:
            mark, style = ("✓", "green") if artefact.found else ("✗", "red")
            self.console.print(
                f"  [{style}]{mark}[/] {artefact.what:<16} {escape(artefact.where)}", soft_wrap=True
            )


def _figures_text(content: dict[str, Any]) -> str:
    parts = [f"{content.get('participants', 0)} breathe along"]
    for name, template in (
        ("measured", "straps that count: {:.0f}"),
        ("hrv_improvement", "HRV while paced {:+.0f}%"),
        ("coherence", "coherence {:.2f}"),
        ("synchrony", "together {:.0%}"),
    ):
        # No strap counts before its baseline, and recorded hearts do not follow this pacer: zeros mean nothing here.
        if isinstance(value := content.get(name), int | float) and (value or name == "hrv_improvement"):
            parts.append(template.format(value))
    return " · ".join(parts)
