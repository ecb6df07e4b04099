"""A process that has imported the program and published once, and forks what tests start: servers, publishers, renderers of pages.

Imports are most of what a start costs: a second for the server, and another for its publisher. ``program()`` is an
executable that takes ``-m MODULE …`` as Python does: it hands its folder, its environment and its standard streams to
the fork server, passes SIGINT and SIGTERM on, and ends as its fork ends. Its own death is the death of its fork. What a
fork starts with ``sys.executable`` is forked, too.

A fork behaves as a process of its own does, with four exceptions: its id is another one than the caller's child has (``fork_of``),
all forks share one seed of hashes, the command line in ``/proc`` is this module's, and after its last thread and what
it registered for its end the interpreter does not take itself apart. Tests for which one of these matters start
``PYTHON`` itself.
"""

from __future__ import annotations

import array
import atexit
import gc
import io
import os
import runpy
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Final, NamedTuple

from tests.one_run import end_of_run, ends_with_the_run, shared_folder
from tests.publisher.samples import snapshot
from tests.publisher.studio_data import Publisher

__all__ = ["PYTHON", "fork_of", "halcytone", "program", "publisher"]

PYTHON: Final = sys.executable
"""The interpreter, for processes that are not forked."""

_IMPORTED: Final = (
    "engine.commands.serve",
    "engine.commands.archive",
    "engine.app",
    "engine.domain.heart.group",
    "publisher.worker",
    "publisher.rendering.card_drawing",
    "publisher.site.page_process",
    "asyncpg",
    "psycopg",
    "uvloop",
)
_SERVERS: Final[list[subprocess.Popen[bytes]]] = []
"""Of this process: it may end before them."""
_FORKS: Final = "forks"
"""The folder with a file for each caller, which has the id of its fork."""
_STREAMS: Final = 3
_MOST: Final = 1 << 20
"""Bytes of a request: an environment is a few thousand."""

# Without ``site`` and with the two built-in modules alone it starts in a hundredth of a second.
_CALLER: Final = """#!{python} -IS
import _signal, _socket, os, sys
calls = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
calls.connect({address!r})
parts = [os.getcwdb(), b"%d" % (len(sys.argv) - 1), *map(os.fsencode, sys.argv[1:])]
parts += [name + b"=" + value for name, value in os.environb.items()]
streams = b"".join(each.to_bytes(4, sys.byteorder) for each in (0, 1, 2))
for each in (_signal.SIGINT, _signal.SIGTERM):
    _signal.signal(each, lambda number, _: calls.send(b"%d" % number))
calls.sendmsg([b"\\0".join(parts)], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, streams)])
# The ends of pipes that the fork has now: whoever waits for their end waits for the fork alone.
for each in (0, 1, 2):
    os.close(each)
status = int(calls.recv(16) or b"-9")
if status < 0:
    if status != -_signal.SIGKILL:
        _signal.signal(-status, _signal.SIG_DFL)
    os.kill(os.getpid(), -status)
os._exit(status)
"""


@cache
def program() -> str:
    """The path of the executable; the fork server runs from the first call of a run's processes to the end of the run."""
    with shared_folder() as folder:
        executable = folder / "fork-server" / "python"
        if not executable.exists():
            (executable.parent / _FORKS).mkdir(parents=True)
            _start(executable)
    return str(executable)


def _start(executable: Path) -> None:
    """Start the fork server, and make the executable that calls it."""
    address = str(executable.parent / "calls")
    end = end_of_run()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(address)
        listener.listen(64)
        server = subprocess.Popen(
            [PYTHON, "-m", "tests.fork_server", str(listener.fileno()), str(executable)],
            stdin=end,
            stdout=subprocess.PIPE,
            pass_fds=[listener.fileno()],
            cwd=Path(__file__).parents[1],
            start_new_session=True,
        )
    os.close(end)
    ends_with_the_run(server.pid)
    _SERVERS.append(server)
    # Whoever has a deadline for a publisher's work must not wait for these imports, too.
    assert server.stdout is not None
    assert server.stdout.read(1), "the fork server ended before it was ready"
    server.stdout.close()
    executable.write_text(_CALLER.format(python=PYTHON, address=address))
    executable.chmod(0o755)


def halcytone(*arguments: str) -> tuple[str, ...]:
    """The command line of ``halcytone``, forked."""
    return (program(), "-m", "engine.cli", *arguments)


def publisher(data: Path) -> tuple[str, ...]:
    """The command line of the publisher of a data folder, forked."""
    return halcytone("publisher", "--data", str(data))


def fork_of(caller: int) -> int:
    """The process id of the fork that does what a process was started for, once it has printed something."""
    return int((Path(program()).parent / _FORKS / str(caller)).read_text())


class _Request(NamedTuple):
    """What is to be run."""

    folder: bytes
    arguments: Sequence[bytes]
    environment: dict[bytes, bytes]
    streams: Sequence[int]


def _received(call: socket.socket) -> _Request | None:
    """The request of a caller; None where it is gone already."""
    streams = array.array("i")
    body, sent, _, _ = call.recvmsg(_MOST, socket.CMSG_SPACE(_STREAMS * streams.itemsize))
    if not sent:
        return None
    streams.frombytes(sent[0][2])
    folder, number, *rest = body.split(b"\0")
    pairs = (each.partition(b"=") for each in rest[int(number) :])
    return _Request(folder, rest[: int(number)], {name: value for name, _, value in pairs}, streams)


def _forked(listener: socket.socket) -> _Request | None:
    """Fork for every caller: returns its request in the fork, and None once the tests are gone."""
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    selector.register(0, selectors.EVENT_READ)
    running: dict[int, socket.socket] = {}
    pids: dict[socket.socket, int] = {}
    while True:
        for key, _ in selector.select():
            what = key.fileobj
            if what == 0:
                for pid in pids.values():
                    os.kill(pid, signal.SIGKILL)
                return None
            if what is listener:
                call, _ = listener.accept()
                request = _received(call)
                if request is None:
                    call.close()
                    continue
                pid = os.fork()
                if pid == 0:
                    selector.close()
                    _note_fork(call)
                    for each in (listener, call, *pids):
                        each.close()
                    for ended in running:
                        os.close(ended)
                    return request
                for stream in request.streams:
                    os.close(stream)
                pids[call] = pid
                running[ended := os.pidfd_open(pid)] = call
                selector.register(ended, selectors.EVENT_READ)
                selector.register(call, selectors.EVENT_READ)
            elif isinstance(what, socket.socket):
                if what not in pids:
                    continue  # Its fork has ended within this round.
                said = b""
                with suppress(ConnectionError):
                    said = what.recv(16)
                os.kill(pids[what], int(said) if said else signal.SIGKILL)
                if not said:
                    selector.unregister(what)
            elif isinstance(what, int):
                call = running.pop(what)
                _, status = os.waitpid(pids.pop(call), 0)
                with suppress(OSError):
                    call.send(b"%d" % os.waitstatus_to_exitcode(status))
                for watched in (what, call):
                    # A call whose caller is gone is not watched any more.
                    with suppress(KeyError):
                        selector.unregister(watched)
                os.close(what)
                call.close()


def _note_fork(call: socket.socket) -> None:
    """Say whose fork this process is."""
    sent = call.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 3 * array.array("i").itemsize)
    caller, _, _ = array.array("i", sent)
    (Path(sys.argv[2]).parent / _FORKS / str(caller)).write_text(str(os.getpid()))


def _publish_once() -> None:
    """Publish a session, so that forks find templates compiled, fonts read and patterns known: half of their first site."""
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(io.StringIO()):
        publisher = Publisher(Path(folder))
        publisher.publish(snapshot())
        publisher.close()


class _End:
    """The end of this process: the interpreter would free each object, and to free one is to copy its page for that alone."""

    def __init__(self) -> None:
        self.status: int | None = None
        """The exit status, where the program has ended by itself; an exception is left to the interpreter."""
        # Called after all that is registered from here on. What imports registered before it is not called: logging's end,
        # whose handlers write at once, and the freeing of Pillow's memory.
        atexit.register(self._leave)

    @contextmanager
    def of_program(self) -> Iterator[None]:
        """Note how the program within the block ends."""
        try:
            yield
        except SystemExit as ended:
            if ended.code is None or isinstance(ended.code, int):
                self.status = ended.code or 0
            raise
        self.status = 0

    def _leave(self) -> None:
        if self.status is not None:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(self.status & 0xFF)


def _become(request: _Request) -> None:
    """Be what was asked for, as the interpreter is with ``-m``."""
    for number, stream in enumerate(request.streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(request.folder)
    os.environb.clear()
    os.environb.update(request.environment)
    time.tzset()
    option, module, *rest = map(os.fsdecode, request.arguments)
    assert option == "-m", f"a fork takes -m MODULE, not {option}"
    sys.executable = sys.argv[2]
    sys.argv = [module, *rest]
    # The program's own modules alone are imported by others; what is run is made anew, as ``-m`` does.
    sys.modules.pop(module, None)
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    end = _End()
    gc.disable()
    for name in _IMPORTED:
        import_module(name)
    _publish_once()
    gc.collect()
    gc.freeze()
    gc.enable()
    os.write(1, b"\n")
    with Path(os.devnull).open("wb") as nothing:
        os.dup2(nothing.fileno(), 1)
    with socket.socket(fileno=int(sys.argv[1])) as calls:
        asked = _forked(calls)
    with end.of_program():
        if asked is None:
            # Whoever began the run does this, too, unless it was killed.
            shutil.rmtree(Path(sys.argv[2]).parents[1], ignore_errors=True)
        else:
            _become(asked)
