"""Checks that Caddy, nginx and HAProxy log no secret with the files of ``deploy/``: ``make proxies``.

Each passes requests with secrets in their addresses on to a server, and once more when that server is gone; then everything it
has written is read.
"""

from __future__ import annotations

import argparse
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_DEPLOY = Path(__file__).parents[2] / "deploy"
SECRET = "s3cret-of-somebody"
ADDRESSES = (
    f"/coming/{SECRET}",
    f"/coming/{SECRET}/join/evening?mail=asked",
    f"/coming/evening/own/{SECRET}?mail=asked",
    f"/coming/evening/own/{SECRET}/leave",
    f"/Coming//{SECRET}",
    f"/coming%2F{SECRET}",
    f"/confirm/{SECRET}/",
    f"/unsubscribe/{SECRET}",
    f"/ws/live-updates?session_id=evening&token={SECRET}&resume={SECRET}&after=3",
    f"/sessions/evening/?TOKEN={SECRET}",
)
_LED_BY_COMING = sum(address.lower().startswith("/coming/") for address in ADDRESSES)
_WAIT_S = 10.0


class _Server(BaseHTTPRequestHandler):
    """Answers everything by leading to one's own page, as the form of a session does."""

    def do_GET(self) -> None:
        self.send_response(303)
        self.send_header("Location", f"/coming/evening/own/{SECRET}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def _program(name: str) -> str:
    # Debian has some where only root looks for programs.
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        raise FileNotFoundError(f"{name} is missing (Debian: apt-get install {name})")
    return found


def _caddy(folder: Path, port: int, server: int) -> list[str]:
    text = (_DEPLOY / "Caddyfile").read_text("utf-8")
    text = text.replace("{$DOMAIN:breathe.example}", f"http://127.0.0.1:{port}")
    text = text.replace("{$SERVER:127.0.0.1:8000}", f"127.0.0.1:{server}")
    text = text.replace("\tlog default {", "\tadmin off\n\tlog default {")
    (folder / "Caddyfile").write_text(text, "utf-8")
    return [_program("caddy"), "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


def _nginx(folder: Path, port: int, server: int) -> list[str]:
    text = (_DEPLOY / "nginx.conf").read_text("utf-8").replace("listen 443 ssl", f"listen 127.0.0.1:{port}")
    text = re.sub(r"(?m)^    server 10\..*\n", "", text)
    text = text.replace(
        "hash $halcytone_session consistent;",
        f"hash $halcytone_session consistent;\n    server 127.0.0.1:{server};",
    )
    text = text.replace("/var/log/nginx", str(folder))
    temporary = "".join(
        f"{name}_temp_path {folder}/{name};\n"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off;\npid {folder}/pid;\nevents {{}}\nhttp {{\n{temporary}{text}}}\n", "utf-8"
    )
    return [_program("nginx"), "-e", str(folder / "start.log"), "-c", str(folder / "nginx.conf")]


def _haproxy(folder: Path, port: int, server: int) -> list[str]:
    text = (_DEPLOY / "haproxy.cfg").read_text("utf-8").replace("bind :8000", f"bind 127.0.0.1:{port}")
    text = re.sub(r"(?m)^    server .*\n?", "", text) + f"    server one 127.0.0.1:{server}\n"
    text = text.replace("maxconn 20000", "maxconn 100")
    # As the file says: the log is off until somebody wants it.
    text = re.sub(r"(?m)^    # (?=log |log-format |http-request )", "    ", text)
    (folder / "haproxy.cfg").write_text(text, "utf-8")
    return [_program("haproxy"), "-db", "-f", str(folder / "haproxy.cfg")]


_PROXIES = {"caddy": _caddy, "nginx": _nginx, "haproxy": _haproxy}


def _answers(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def _ask(port: int, address: str) -> int:
    connection = HTTPConnection("127.0.0.1", port, timeout=_WAIT_S)
    headers = {"Referer": f"https://breathe.example/coming/{SECRET}", "Authorization": f"Bearer {SECRET}"}
    connection.request("GET", address, headers=headers | {"X-Api-Key": SECRET})
    status = connection.getresponse().status
    connection.close()
    return status


def written_by(name: str) -> str:
    """What a proxy writes about the requests, with a server behind it and without."""
    with tempfile.TemporaryDirectory() as made:
        folder, port = Path(made), _free_port()
        folder.chmod(0o777)
        server = ThreadingHTTPServer(("127.0.0.1", 0), _Server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        command = _PROXIES[name](folder, port, server.server_port)
        with (folder / "output.log").open("wb") as output:
            process = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            until = time.monotonic() + _WAIT_S
            while not _answers(port) and time.monotonic() < until and process.poll() is None:
                time.sleep(0.05)
            statuses = [_ask(port, address) for address in ADDRESSES]
            server.shutdown()
            server.server_close()
            statuses += [_ask(port, address) for address in ADDRESSES]
            print(f"{name}: answered {sorted(set(statuses))}")  # noqa: T201
        finally:
            process.terminate()
            process.wait(_WAIT_S)
        return "".join(
            file.read_text("utf-8", "replace")
            for file in sorted(folder.rglob("*"))
            if file.is_file() and file.suffix == ".log"
        )


def main() -> int:
    """Check them all; returns how many wrote a secret, or nothing about the requests."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--show", action="store_true", help="print what they wrote")
    show = parser.parse_args().show
    wrong = 0
    for name in _PROXIES:
        text = written_by(name)
        if show:
            print(text)  # noqa: T201
        secret = SECRET in text
        silent = len(re.findall(r"(?i)/coming/\[secret\]", text)) < 2 * _LED_BY_COMING
        wrong += secret or silent
        print(f"{name}: {'A SECRET IS LOGGED' if secret else 'NOTHING IS LOGGED' if silent else 'no secret'}")  # noqa: T201
    return wrong


if __name__ == "__main__":
    sys.exit(main())
