// Echo rooms on `ws`: what a socket says goes to every socket of its room, the sender included.
// usage: node ws_rooms.mjs PORT
import { WebSocketServer } from "ws";

const rooms = new Map();
const server = new WebSocketServer({ host: "127.0.0.1", port: Number(process.argv[2]), perMessageDeflate: false });

server.on("connection", (socket, request) => {
  const room = new URL(request.url, "http://localhost").searchParams.get("room");
  if (!rooms.has(room)) rooms.set(room, new Set());
  const members = rooms.get(room);
  members.add(socket);
  socket.on("close", () => members.delete(socket));
  socket.on("error", () => socket.terminate());
  socket.on("message", (data) => {
    for (const member of members) member.send(data, { binary: false });
  });
});
