"""HAProxy with the configuration of ``deploy/``, in front of servers of this machine."""

from __future__ import annotations

import re
import resource
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

__all__ = ["Balancer"]

_CONFIGURATION = Path(__file__).parents[2] / "deploy" / "haproxy.cfg"


class Balancer:
    """``haproxy`` on a port of 127.0.0.1. Start it once its servers are there."""

    def __init__(self, folder: Path, port: int, servers: Mapping[str, str]) -> None:
        """``servers`` are addresses, as ``http://127.0.0.1:8001``, by name."""
        self._file = folder / "haproxy.cfg"
        lines = [f"    server {name} {url.removeprefix('http://')}" for name, url in servers.items()]
        text = (
            re.sub(r"(?m)^    server .*\n?", "", _CONFIGURATION.read_text("utf-8")) + "\n".join(lines) + "\n"
        )
        # It refuses to start with more than the half of what it may open.
        most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        text = re.sub(r"maxconn \d+", f"maxconn {max(100, min(20_000, most // 2 - 100))}", text)
        self._file.write_text(text.replace("bind :8000", f"bind 127.0.0.1:{port}"), "utf-8")
        self._log = folder / "haproxy.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it.

        Raises:
            FileNotFoundError: it is not installed.
        """
        # Debian has it where only root looks for programs.
        program = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin")
        if program is None:
            raise FileNotFoundError("HAProxy is missing (Debian: apt-get install haproxy)")
        with self._log.open("ab") as log:
            self._process = subprocess.Popen([program, "-db", "-f", str(self._file)], stdout=log, stderr=log)

    def stop(self) -> None:
        """Stop it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
