"""Installs into an empty Debian as the documents say, and runs the three services of the compose file there: ``make installation``.

Needs root, and Debian's mirror and package index. The Debian is a folder that mmdebstrap makes and that is removed afterwards;
everything runs in a network and a process table of its own. The commands are those of ``deploy/``: the first block of its README,
the steps of the Containerfile, the environments and health checks of the compose file.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

_ROOT = Path(__file__).parents[2]
_DEPLOY = _ROOT / "deploy"
_PACKAGES = "python3-venv,adduser,ca-certificates,postgresql,caddy,curl,systemd"
_DOMAIN = "localhost"
_PASSWORD = "a-password-for-this-test"
_INSIDE_THE_NETWORK = {"server": "10.89.77.2", "database": "10.89.77.3"}
"""The services' addresses in the compose file's subnet."""
_SUDO = """#!/bin/sh
# Whoever runs this is root already.
if [ "$1" = -u ]; then user=$2; shift 2; exec runuser -u "$user" -- env "$@"; fi
exec "$@"
"""
_START = """
ip link set lo up
for address in {addresses}; do ip address add $address/24 dev lo; done
mount -t proc proc {root}/proc
mkdir -p {root}/dev/shm
mount -t tmpfs tmpfs {root}/dev/shm
exec chroot {root} /usr/bin/env -i HOME=/srv/trial TERM=dumb LANG=C.UTF-8 \\
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin bash /srv/trial/inside.sh
"""


def blocks(text: str, language: str) -> list[str]:
    """The code blocks of a language in Markdown, without their indentation."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```", text, re.M | re.S)
    return [re.sub(rf"^{indent}", "", code, flags=re.M) for indent, code in found]


def steps_of_image(text: str) -> str:
    """The commands of a Containerfile's RUN lines, one after the other."""
    joined = re.sub(r"\s*\\\n\s*", " ", text)
    return "\n".join(re.findall(r"^RUN (.*)$", joined, re.M)) + "\n"


def environment_of_image(text: str) -> dict[str, str]:
    """What its ENV lines set."""
    pairs = [pair for line in re.findall(r"^ENV (.*)$", text, re.M) for pair in shlex.split(line)]
    return dict(pair.split("=", 1) for pair in pairs)


def services_on(domain: str, password: str) -> dict[str, Any]:
    """The services of the compose file, with these in the places of its variables."""
    text = (_DEPLOY / "compose.yaml").read_text("utf-8")
    for name, value in (("DOMAIN", domain), ("POSTGRES_PASSWORD", password)):
        text = re.sub(rf"\$\{{{name}(:\?[^}}]*)?\}}", value, text)
    services: dict[str, Any] = yaml.safe_load(text)["services"]
    return services


def _lines(environment: dict[str, Any]) -> str:
    return "".join(f"export {name}={shlex.quote(str(value))}\n" for name, value in environment.items())


def prepare(root: Path) -> None:
    """Put the checkout and what is run into a Debian's folder."""
    home = root / "srv" / "trial"
    home.mkdir()
    source = home / "source"
    source.mkdir()
    packed = subprocess.run(["git", "archive", "HEAD"], cwd=_ROOT, check=True, capture_output=True).stdout
    subprocess.run(["tar", "x", "-C", str(source)], input=packed, check=True)
    # This machine's way to names and certificates, which may lead through something of its own.
    for file in ("etc/resolv.conf", "etc/ssl/certs/ca-certificates.crt"):
        shutil.copyfile(Path("/") / file, root / file)
    with (root / "etc" / "hosts").open("w") as hosts:
        hosts.write("127.0.0.1 localhost\n")
        hosts.writelines(f"{address} {name}\n" for name, address in _INSIDE_THE_NETWORK.items())
    sudo = root / "usr" / "local" / "bin" / "sudo"
    sudo.write_text(_SUDO, "utf-8")
    sudo.chmod(0o755)

    readme = (_DEPLOY / "README.md").read_text("utf-8").replace("breathe.example", _DOMAIN)
    containerfile = (_DEPLOY / "Containerfile").read_text("utf-8")
    services = services_on(_DOMAIN, _PASSWORD)
    bash = blocks(readme, "bash")
    doctor = next(block for block in bash if "doctor" in block)
    check = re.findall(r"^HEALTHCHECK .*?CMD (\[.*?\])$", containerfile.replace("\\\n", ""), re.M | re.S)
    files = {
        "install.sh": "\n".join(line for line in bash[0].splitlines() if "apt-get" not in line),
        "environment": blocks(readme, "ini")[0],
        "doctor.sh": doctor,
        "image.sh": steps_of_image(containerfile),
        "server.env": _lines(environment_of_image(containerfile) | services["server"]["environment"]),
        "database.env": _lines(services["database"]["environment"]),
        "caddy.env": _lines(services["caddy"]["environment"]),
        "database-check.sh": shlex.join(services["database"]["healthcheck"]["test"][1:]),
        "server-check.sh": shlex.join(json.loads(check[0])),
    }
    for name, content in files.items():
        (home / name).write_text(content, "utf-8")
    for name in ("fetch.sh", "inside.sh"):
        shutil.copyfile(Path(__file__).parent / name, home / name)


def try_on(suite: str, folder: Path) -> int:
    """Make a Debian in ``folder``, install and run there; the exit status of what ran."""
    root = folder / suite
    subprocess.run(
        ["mmdebstrap", "--quiet", "--variant=apt", f"--include={_PACKAGES}", suite, str(root)], check=True
    )
    prepare(root)
    clean = ["env", "-i", "HOME=/srv/trial", "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
    certificates = "/etc/ssl/certs/ca-certificates.crt"
    settings = [
        f"PIP_CERT={certificates}",
        f"SSL_CERT_FILE={certificates}",
        "PIP_DISABLE_PIP_VERSION_CHECK=1",
    ]
    fetched = subprocess.run(
        ["chroot", str(root), *clean, *settings, "bash", "/srv/trial/fetch.sh"], check=False
    )
    if fetched.returncode:
        return fetched.returncode
    start = _START.format(root=shlex.quote(str(root)), addresses=" ".join(_INSIDE_THE_NETWORK.values()))
    # Whatever is left of it ends with its process table.
    apart = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "sh", "-euc", start]
    return subprocess.run(apart, check=False).returncode


def main() -> int:
    """Try one suite; the exit status."""
    parser = argparse.ArgumentParser(prog="make installation", description=__doc__)
    parser.add_argument("suite", nargs="?", default="trixie", help="of Debian: bookworm or trixie")
    suite = parser.parse_args().suite
    if os.geteuid() != 0:
        sys.stderr.write(
            "make installation needs root: it makes a Debian in a folder, and a network of its own.\n"
        )
        return 1
    with tempfile.TemporaryDirectory() as folder:
        status = try_on(suite, Path(folder))
    sys.stdout.write(f"{suite}: {'installed and served' if status == 0 else f'failed with {status}'}\n")
    return status


if __name__ == "__main__":
    raise SystemExit(main())
