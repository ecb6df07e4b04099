"""Echo rooms on FastAPI and uvicorn, with the connection manager of FastAPI's documentation. usage: PORT"""

import sys
from collections import defaultdict

import uvicorn
from fastapi import FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI()
rooms: defaultdict[str, list[WebSocket]] = defaultdict(list)


@app.websocket("/")
async def talk(socket: WebSocket, room: str) -> None:
    await socket.accept()
    members = rooms[room]
    members.append(socket)
    try:
        while True:
            message = await socket.receive_text()
            for member in list(members):
                await member.send_text(message)
    except WebSocketDisconnect:
        members.remove(socket)


if __name__ == "__main__":
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        log_level="error",
        ws_per_message_deflate=False,
        ws_ping_interval=None,
    )
