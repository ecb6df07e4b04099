"""``halcytone demo``: runs the demonstration of ``engine.demo``."""

from __future__ import annotations

import socket
from pathlib import Path

import typer

from engine.commands.terminal import Status, fail
from engine.operations.logging import configure

__all__ = ["demo"]


def demo(data: Path, host: str, port: int, *, leave: bool) -> None:
    """Run the demonstration; exits with 1 when something that should be published is missing."""
    from engine.storage.data_lock import DataInUse

    configure("warning")
    try:
        complete = _run(data, host, port, leave=leave)
    except DataInUse:
        fail(f"another demonstration runs on the data in {data}", Status.IN_USE)
    except OSError as error:
        fail(f"the demonstration cannot run: {error}")
    raise typer.Exit(Status.DONE if complete else Status.FAILED)


def _run(data: Path, host: str, port: int, *, leave: bool) -> bool:
    import uvloop

    from engine.demo.people import NotRecovered
    from engine.demo.play import play
    from engine.demo.screen import Screen
    from halcytone.client import Gap, Refused

    complete = False
    with Screen() as screen:
        free = _free_port(host, port)
        if free != port != 0:
            screen.say(f"Port {port} is in use; this runs on {free}.")
        try:
            complete = uvloop.run(play(data, host, free, leave=leave, screen=screen))
        except* (Gap, Refused, NotRecovered) as group:
            screen.say(f"The session went wrong: {'; '.join(map(str, group.exceptions))}", "red")
    return complete


def _free_port(host: str, port: int) -> int:
    """``port``, or any free one when something listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            probe.bind((host, 0))
        taken: int = probe.getsockname()[1]
    return taken
