"""``halcytone``: every command, its options and its help. What a command does is in ``engine.commands``.

More than 300 lines, and one idea: the command line as its users see it, to be read and kept alike in one place. Every
function below imports what its command does, so that ``halcytone serve`` starts without the other commands' imports.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from engine.commands.terminal import Config, Data, Json, say

__all__ = ["app", "main"]

_STATUSES = (
    "Exit status: 0 done, 1 it failed, 2 wrong usage, 3 a setting is wrong, 4 the port or the data folder is in use. "
    "Settings come from options, HALCYTONE_* variables, and DIR/halcytone.toml, in that order."
)

app = typer.Typer(
    name="halcytone",
    help="Lead live breathing sessions, and publish the story of each one a second after it ends.",
    epilog=_STATUSES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
key = typer.Typer(no_args_is_help=True, help="Keys for the team, by name: make, list, revoke.")
publications = typer.Typer(no_args_is_help=True, help="What was published where, and trying again.")
app.add_typer(key, name="key")
app.add_typer(publications, name="publications")

SessionId = Annotated[str, typer.Argument(metavar="SESSION", help="The session's id.", show_default=False)]


def _print_version(requested: bool) -> None:
    if requested:
        from importlib.metadata import version

        say(f"halcytone-live {version('halcytone-live')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    pass


@app.command()
def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on. Default: 127.0.0.1", show_default=False)
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to listen on. Default: 8000", show_default=False)
    ] = None,
    data: Data = None,
    public_url: Annotated[
        str | None,
        typer.Option(help="Where people reach this server. Default: http://HOST:PORT", show_default=False),
    ] = None,
    database_url: Annotated[
        str | None,
        typer.Option(
            metavar="postgresql://…",
            help="PostgreSQL in the place of the data folder's own file. With a password better as HALCYTONE_DATABASE_URL.",
            show_default=False,
        ),
    ] = None,
    lan: Annotated[
        bool, typer.Option("--lan", help="Listen on the local network, and print a QR code for phones.")
    ] = False,
    config: Config = None,
    log_level: Annotated[
        str | None, typer.Option(help="debug, info, warning or error. Default: info", show_default=False)
    ] = None,
) -> None:
    """Run the server and its publisher until Ctrl-C or SIGTERM.

    The first start makes the administrator's key and prints it once.
    """
    from engine.commands.serve import serve as run

    run(
        config,
        host=host,
        port=port,
        data=data,
        public_url=public_url,
        database_url=database_url,
        log_level=log_level,
        lan=lan,
    )


@app.command()
def demo(
    data: Annotated[
        Path, typer.Option("--data", metavar="DIR", help="Folder for the demonstration's data.")
    ] = Path("var/demo"),
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; another free one when it is taken.")] = 8000,
    leave: Annotated[
        bool, typer.Option("--exit", help="Stop once everything is published, instead of serving on.")
    ] = False,
) -> None:
    """Play a whole live session of 25 people with recorded heartbeats, publish it, and keep serving it.

    Eleven minutes pass in about one. With --exit the status is 0 only when everything published is there.
    """
    from engine.commands.demo import demo as run

    run(data, host, port, leave=leave)


@app.command()
def rebuild(
    data: Data = None,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT", help="Build into this folder instead of replacing DIR/public.", show_default=False
        ),
    ] = None,
    config: Config = None,
) -> None:
    """Build the whole published site again from the catalogue."""
    from engine.commands.archive import rebuild as run

    run(config, data, output)


@app.command("import")
def import_(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE.jsonl",
            help="One session a line: what `export` writes, or the API's fields of a session, without channels.",
            show_default=False,
        ),
    ],
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Replace also what was recorded here by a line that has less of it."),
    ] = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Take in and publish past sessions, however old, each at the time at which it was published."""
    from engine.commands.archive import import_ as run

    run(config, data, file, replace=replace)


@app.command()
def export(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE.jsonl]", help="Where to. Default: standard output.", show_default=False
        ),
    ] = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Write everything that is published of each session as one JSON line, as `halcytone import` takes them."""
    from engine.commands.archive import export as run

    run(config, data, file)


@app.command()
def backup(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE|DIR", help="The archive to write; with --every, their folder.", show_default=False
        ),
    ],
    data: Data = None,
    every: Annotated[
        str | None,
        typer.Option(
            metavar="30m|12h|1d",
            help="Write into DIR only when the newest backup there is this old. For a timer.",
            show_default=False,
        ),
    ] = None,
    keep: Annotated[
        int, typer.Option(min=1, help="With --every: how many backups stay; the oldest go.")
    ] = 14,
    config: Config = None,
) -> None:
    """Write everything the server knows into one file, also while it runs.

    With --every a run that comes too early does nothing, so a timer may ask every hour.
    """
    from engine.commands import archive

    if every is None:
        archive.backup(config, data, file)
    else:
        archive.backup_when_due(config, data, file, every, keep)


@app.command()
def restore(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="An archive that `halcytone backup` wrote.", show_default=False),
    ],
    data: Data = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="The folder has data: put it aside, to DIR.replaced.")
    ] = False,
    config: Config = None,
) -> None:
    """Put a backup into an empty data folder and build its site again, byte for byte."""
    from engine.commands.archive import restore as run

    run(config, data, file, replace=replace)


@app.command()
def move(
    source: Annotated[
        str, typer.Option("--from", metavar="DIR|URL", help="The studio as it is.", show_default=False)
    ],
    target: Annotated[
        str, typer.Option("--to", metavar="DIR|URL", help="An empty database for it.", show_default=False)
    ],
) -> None:
    """Copy a studio between a data folder's own file and PostgreSQL, either way, while nothing runs on it."""
    from engine.commands.archive import move as run

    run(source, target)


@app.command()
def analyze(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="A recording: RR intervals as straps' programs write them.",
            show_default=False,
        ),
    ],
    as_json: Json = False,
    chart: Annotated[
        Path | None,
        typer.Option(metavar="FILE.svg", help="Draw the recording into this file.", show_default=False),
    ] = None,
    column: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|NUMBER",
            help="The column of the intervals, where several can be.",
            show_default=False,
        ),
    ] = None,
    unit: Annotated[
        str | None,
        typer.Option(
            metavar="ms|s|1/1024",
            help="The unit of the intervals, instead of what the values tell.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Show the heart-rate figures of one recording, and how it was read."""
    from engine.commands.recording import analyze as run

    run(file, as_json=as_json, chart=chart, column=column, unit=unit)


@app.command()
def doctor(
    data: Data = None,
    config: Config = None,
    public_url: Annotated[
        str | None, typer.Option(help="The address to check. Default: the one in force.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Check a deployment, and say what to mend: settings, disk, database, imprint, address, TLS, WebSocket, mail.

    Exit status 1 when something must be mended.
    """
    from engine.commands.doctor import doctor as run

    run(config, data, public_url, as_json=as_json)


@app.command(hidden=True)
def publisher(
    data: Data = None,
    standalone: Annotated[
        bool, typer.Option("--standalone", help="Look for work every second; no parent.")
    ] = False,
    config: Config = None,
) -> None:
    """Publish what the outbox holds. `halcytone serve` starts one by itself."""
    from engine.commands.serve import publisher as run

    run(config, data, standalone=standalone)


@key.command("create")
def key_create(
    name: Annotated[str, typer.Argument(help="Whose key it is.", show_default=False)],
    role: Annotated[
        Literal["admin", "instructor", "assistant"],
        typer.Option(
            help="admin: everything. instructor: the sessions they make or are invited to. assistant: the same, without publishing."
        ),
    ] = "instructor",
    email: Annotated[
        str | None, typer.Option(help="Where links to sign in are sent.", show_default=False)
    ] = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Make a key for somebody of the team and print it, this once."""
    from engine.commands.keys import create as run
    from engine.storage.keys import KeyRole

    run(config, data, name, KeyRole(role), email)


@key.command("list")
def key_list(data: Data = None, config: Config = None, as_json: Json = False) -> None:
    """List whose keys there are, and which are revoked. The keys themselves are not kept."""
    from engine.commands.keys import list_keys as run

    run(config, data, as_json=as_json)


@key.command("revoke")
def key_revoke(
    name: Annotated[str, typer.Argument(help="Whose key it is.", show_default=False)],
    data: Data = None,
    config: Config = None,
) -> None:
    """Make a key worthless from now on."""
    from engine.commands.keys import revoke as run

    run(config, data, name)


@publications.command("list")
def publications_list(
    session: Annotated[
        str | None, typer.Argument(metavar="[SESSION]", help="Only this session.", show_default=False)
    ] = None,
    data: Data = None,
    config: Config = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only what failed.")] = False,
    as_json: Json = False,
) -> None:
    """List the state of every channel: pending, running, done, failed or withdrawn, with attempts and the last error."""
    from engine.commands.publications import list_publications as run

    run(config, data, session, failed=failed, as_json=as_json)


@publications.command("retry")
def publications_retry(session: SessionId, data: Data = None, config: Config = None) -> None:
    """Publish a session's channels again that failed, or all of them when none did."""
    from engine.commands.publications import retry as run

    run(config, data, session)


@publications.command("unpublish")
def publications_unpublish(session: SessionId, data: Data = None, config: Config = None) -> None:
    """Take a session off the site, the feed, the search and the drafts; a tombstone stays."""
    from engine.commands.publications import unpublish as run

    run(config, data, session)


def main() -> None:
    """The entry point of the console script."""
    from engine.operations.logging import configure
    from engine.storage.database import DatabaseUnusable

    # Without it structlog prints to standard output, and below an exception each local value: what people wrote.
    configure()
    try:
        app()
    except DatabaseUnusable as error:
        typer.secho(f"{error}. `halcytone doctor` says more.", err=True, fg=typer.colors.RED)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
