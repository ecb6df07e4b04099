"""Fork servers: each has imported and done once what its forks need, and forks for whoever runs its executable.

The executable takes ``-m MODULE …`` and ``-u -c CODE`` as Python does: it hands its folder, its environment and its
standard streams to the fork server, passes SIGINT and SIGTERM on, and ends as its fork ends. Its own death is the death
of its fork.

A fork behaves as a process of its own does, with four exceptions: its id is another one than the caller's child has
(``fork_of``), all forks share one seed of hashes, the command line in ``/proc`` is the fork server's, and after its last
thread and what it registered for its end the interpreter does not take itself apart.
"""

from __future__ import annotations

import array
import atexit
import gc
import os
import runpy
import select
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Final, NamedTuple

from tests.one_run import end_of_run, ends_with_the_run

__all__ = ["EXECUTABLE", "ForkServer", "fork_of", "serve"]

EXECUTABLE: Final = "python"
_FORKS: Final = "forks"
"""The folder with a file for each caller, which has the id of its fork."""
_STREAMS: Final = 3
_MOST: Final = 1 << 20
"""Bytes of a request: an environment is a few thousand."""
_SERVERS: Final[list[subprocess.Popen[bytes]]] = []
"""Of this process: it may end before them."""

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


class ForkServer:
    """A fork server, from now to the end of the run."""

    def __init__(self, folder: Path, module: str, *arguments: str) -> None:
        """``module`` calls ``serve`` as it is run, with ``arguments`` in its ``sys.argv``; ``folder`` is not there yet."""
        (folder / _FORKS).mkdir(parents=True)
        self._executable = folder / EXECUTABLE
        self._address = str(folder / "calls")
        end = end_of_run()
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(self._address)
            listener.listen(64)
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments, str(listener.fileno()), str(folder)],
                stdin=end,
                stdout=subprocess.PIPE,
                pass_fds=[listener.fileno()],
                cwd=Path(__file__).parents[1],
                start_new_session=True,
            )
        os.close(end)
        ends_with_the_run(self._process.pid)
        _SERVERS.append(self._process)

    def executable(self) -> Path:
        """The executable, once there are forks: whoever has a deadline for one must not wait for imports, too."""
        if not self._executable.exists():
            assert self._process.stdout is not None
            ready = self._process.stdout.read(1)
            self._process.stdout.close()
            if not ready:
                # The next who asks sees the same, and not that the folder is there.
                shutil.rmtree(self._executable.parent)
            assert ready, "the fork server ended before it was ready"
            self._executable.write_text(_CALLER.format(python=sys.executable, address=self._address))
            self._executable.chmod(0o755)
        return self._executable


def fork_of(executable: Path, caller: int) -> int:
    """The process id of the fork that does what a process was started for, once it has printed something."""
    return int((executable.parent / _FORKS / str(caller)).read_text())


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


def _forked(listener: socket.socket, folder: Path, end_within: float) -> _Request | None:
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
                _end(running, pids, end_within)
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
                    _note_fork(call, folder)
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


def _end(running: dict[int, socket.socket], pids: dict[socket.socket, int], within: float) -> None:
    """Kill the forks that do not end by themselves in so many seconds."""
    deadline = time.monotonic() + within
    for ended, call in running.items():
        if not select.select([ended], [], [], max(0.0, deadline - time.monotonic()))[0]:
            os.kill(pids[call], signal.SIGKILL)


def _note_fork(call: socket.socket, folder: Path) -> None:
    """Say whose fork this process is."""
    sent = call.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 3 * array.array("i").itemsize)
    caller, _, _ = array.array("i", sent)
    (folder / _FORKS / str(caller)).write_text(str(os.getpid()))


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


def _become(request: _Request, executable: Path) -> None:
    """Be what was asked for, as the interpreter is with ``-m`` or ``-c``."""
    for number, stream in enumerate(request.streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(request.folder)
    os.environb.clear()
    os.environb.update(request.environment)
    time.tzset()
    match [os.fsdecode(argument) for argument in request.arguments]:
        case ["-m", module, *rest]:
            # What it starts with ``sys.executable`` is forked, too.
            sys.executable = str(executable)
            sys.argv = [module, *rest]
            # The program's own modules alone are imported by others; what is run is made anew, as ``-m`` does.
            sys.modules.pop(module, None)
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        case ["-u", "-c", code]:
            sys.argv = ["-c"]
            main = sys.modules["__main__"] = ModuleType("__main__")
            exec(code, main.__dict__)
        case others:
            raise AssertionError(f"a fork takes -m MODULE or -u -c CODE, not {others}")


def serve(prepare: Callable[[], object], *, end_within: float = 0.0) -> None:
    """Prepare, in the module that a ``ForkServer`` runs, and fork until the end of the run; returns in the forks as well.

    ``end_within`` is how many seconds forks have to end by themselves when the run has ended.
    """
    gc.disable()
    prepare()
    end = _End()
    gc.collect()
    gc.freeze()
    gc.enable()
    os.write(1, b"\n")
    with Path(os.devnull).open("wb") as nothing:
        os.dup2(nothing.fileno(), 1)
    listening, folder = int(sys.argv[-2]), Path(sys.argv[-1])
    with socket.socket(fileno=listening) as calls:
        asked = _forked(calls, folder, end_within)
    with end.of_program():
        if asked is None:
            # Whoever began the run does this, too, unless it was killed.
            shutil.rmtree(folder.parent, ignore_errors=True)
        else:
            _become(asked, folder / EXECUTABLE)
