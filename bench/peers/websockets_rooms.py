"""Echo rooms on `websockets`: what a socket says is broadcast to its room. usage: PORT"""

import asyncio
import sys
from collections import defaultdict
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import ServerConnection, broadcast, serve
from websockets.exceptions import ConnectionClosed

rooms: defaultdict[str, set[ServerConnection]] = defaultdict(set)


async def talk(connection: ServerConnection) -> None:
    assert connection.request is not None
    members = rooms[parse_qs(urlsplit(connection.request.path).query)["room"][0]]
    members.add(connection)
    try:
        async for message in connection:
            broadcast(members, message)
    except ConnectionClosed:
        return
    finally:
        members.discard(connection)


async def main() -> None:
    async with serve(talk, "127.0.0.1", int(sys.argv[1]), compression=None, ping_interval=None) as server:
        await server.serve_forever()


if __name__ == "__main__":
    try:
        import uvloop
    except ImportError:  # Not on Windows.
        asyncio.run(main())
    else:
        uvloop.run(main())
