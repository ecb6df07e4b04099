"""``halcytone serve``, and ``halcytone publisher``, which it starts as a child process."""

from __future__ import annotations

import errno
import gc
import resource
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
import typer

from engine.commands.network import lan_address, qr_lines
from engine.commands.terminal import Status, fail, say, settings_for
from engine.operations.logging import add_to_every_line, configure
from engine.settings import Settings, origin, unknown_variables
from engine.web.qr_code import reachable_by_phone

if TYPE_CHECKING:
    from engine.app import RunningServer

__all__ = ["publisher", "serve"]

_DESCRIPTORS = 65_536


def serve(
    config: Path | None,
    *,
    host: str | None,
    port: int | None,
    data: Path | None,
    public_url: str | None,
    database_url: str | None,
    log_level: str | None,
    lan: bool,
) -> None:
    """Run the server until a signal, drain it, and exit with 0."""
    # Imports leave no garbage, and collecting takes a tenth of a start. `run` enables it again once it serves.
    gc.disable()
    settings = settings_for(
        config,
        host="0.0.0.0" if lan and host is None else host,
        port=port,
        data=data,
        public_url=public_url,
        database_url=database_url,
        log_level=log_level,
    )
    if lan or settings.host in ("0.0.0.0", "::"):
        settings = _with_lan_address(settings, required=lan)
    configure(settings.log_level)
    if unknown := unknown_variables():
        structlog.get_logger(__name__).warning("there are no such settings", variables=unknown)
    _raise_descriptor_limit()

    from engine.app import run
    from engine.operations.marks_file import InvalidMarks
    from engine.storage.data_lock import DataInUse
    from engine.storage.database import DatabaseError, DatabaseLocked
    from publisher.rendering.studio import InvalidStudio

    try:
        status = run(settings, on_ready=lambda server: _greet(server, lan=lan))
    except DataInUse:
        fail(f"another server runs on the data in {settings.data}", Status.IN_USE)
    except DatabaseLocked as error:
        fail(f"the database is in use: {error}", Status.IN_USE)
    except DatabaseError as error:
        fail(f"the database cannot be used: {error}")
    except InvalidStudio as error:
        fail(f"in {settings.data}: {error}", Status.WRONG_SETTING)
    except InvalidMarks as error:
        fail(str(error), Status.WRONG_SETTING)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            fail(f"{settings.host}:{settings.port} is in use; choose another --port", Status.IN_USE)
        fail(f"the server cannot run: {error}")
    raise typer.Exit(status)


def publisher(config: Path | None, data: Path | None, *, standalone: bool) -> None:
    """Run the publisher until its standard input closes; with ``standalone``, until a signal."""
    settings = settings_for(config, data=data)
    configure(settings.log_level)
    from publisher.worker import main

    smtp_url = None if settings.smtp_url is None else settings.smtp_url.get_secret_value()
    from engine.storage.opening import database_of

    database = database_of(settings.data, settings.database)
    if database.shared:
        from engine.storage.nodes import node_before

        # Its server's, which may join anew under another id.
        add_to_every_line(lambda _: {"node": node_before(settings.data)})
    raise typer.Exit(main(settings.data, database, standalone=standalone, smtp_url=smtp_url))


def _raise_descriptor_limit() -> None:
    """Let the process open as many files and sockets as it may: the usual limit of 1024 is meant for other programs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        # A system may allow less than it says.
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _with_lan_address(settings: Settings, *, required: bool) -> Settings:
    """The settings with this machine's address in the local network as public URL, unless one is set."""
    address = lan_address()
    if address is None:
        if required:
            fail("this machine has no address that a phone in its network could reach")
        return settings
    if settings.public_url is not None:
        return settings
    return settings.model_copy(update={"public_url": origin(address, settings.port)})


def _greet(server: RunningServer, *, lan: bool) -> None:
    say(f"Halcytone Live is at {server.url}/  (console: {server.url}/console)")
    if server.new_key is not None:
        say("\nThe administrator's key, shown this once; keep it where you keep passwords:\n")
        say(f"    {server.new_key}\n")
    if lan and reachable_by_phone(server.url):
        say(qr_lines(f"{server.url}/"))
