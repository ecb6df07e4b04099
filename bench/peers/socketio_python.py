"""Echo rooms on python-socketio and aiohttp: "say" goes to the sender's room as "said". usage: PORT"""

import sys

import socketio
from aiohttp import web

sio = socketio.AsyncServer(
    async_mode="aiohttp", transports=["websocket"], ping_interval=300, http_compression=False
)
rooms: dict[str, str] = {}


@sio.event
async def join(sid: str, room: str) -> None:
    await sio.enter_room(sid, room)
    rooms[sid] = room
    await sio.emit("joined", to=sid)


@sio.event
async def say(sid: str, text: str) -> None:
    await sio.emit("said", text, room=rooms[sid])


if __name__ == "__main__":
    app = web.Application()
    sio.attach(app)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None)
