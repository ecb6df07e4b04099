"""Debian's Firefox as an executable for Playwright: the browser, and a relay of its WebDriver BiDi socket.

Playwright sends ``emulation.setMediaFeaturesOverride`` for every context; Firefox ESR 153 does not know that command yet and
no context would open. The relay passes every message on as it is, and turns that one refusal into a success: media features
then stay as the browser has them. A Firefox that knows the command never refuses it, and the relay changes nothing.

Run as a script by Playwright, with the browser's arguments; writes the address of the relay where Firefox writes its own.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from pathlib import Path

from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

__all__ = ["FIREFOX_ESR", "executable", "without_refusal"]

FIREFOX_ESR = os.environ.get("HALCYTONE_FIREFOX", "/usr/bin/firefox-esr")
_LISTENING = re.compile(r"WebDriver BiDi listening on (ws://\S+)")
_NOT_KNOWN_YET = ("emulation.setMediaFeaturesOverride",)


def executable(folder: Path) -> Path:
    """Write what Playwright starts as the browser: a script that runs this module."""
    assert Path(FIREFOX_ESR).exists(), "Firefox is missing: apt-get install firefox-esr"
    script = folder / "firefox"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{__file__}" "$@"\n')
    script.chmod(0o755)
    return script


def without_refusal(text: str) -> str:
    """The browser's message; the refusal of a command that it does not know yet becomes a success."""
    if '"unknown command"' not in text:
        return text
    message = json.loads(text)
    if any(command in message.get("message", "") for command in _NOT_KNOWN_YET):
        return json.dumps({"type": "success", "id": message["id"], "result": {}})
    return text


async def _relay(client: ServerConnection, address: str) -> None:
    async with connect(address + client.request.path, max_size=None, proxy=None) as browser:  # type: ignore[union-attr]

        async def to_browser() -> None:
            async for message in client:
                await browser.send(message)

        async def to_client() -> None:
            async for message in browser:
                await client.send(without_refusal(message) if isinstance(message, str) else message)

        both = [asyncio.create_task(to_browser()), asyncio.create_task(to_client())]
        done, rest = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        for task in rest:
            task.cancel()
        for task in done:
            if task.exception() is not None and not isinstance(task.exception(), ConnectionClosed):
                raise task.exception()  # type: ignore[misc]


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


async def _run(arguments: list[str]) -> int:
    browser = await asyncio.create_subprocess_exec(FIREFOX_ESR, *arguments, stderr=asyncio.subprocess.PIPE)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, browser.terminate)
    assert browser.stderr is not None
    async for raw in browser.stderr:
        line = raw.decode(errors="replace").rstrip()
        if found := _LISTENING.search(line):
            address = found[1]
            break
        _say(line)
    else:
        return await browser.wait()
    async with serve(lambda client: _relay(client, address), "127.0.0.1", 0, max_size=None) as relay:
        port = relay.sockets[0].getsockname()[1]
        _say(f"WebDriver BiDi listening on ws://127.0.0.1:{port}")
        async for raw in browser.stderr:
            _say(raw.decode(errors="replace").rstrip())
        return await browser.wait()


if __name__ == "__main__":
    sys.exit(asyncio.run(_run(sys.argv[1:])))
