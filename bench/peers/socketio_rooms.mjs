// Echo rooms on Socket.IO: "say" goes to every socket of the sender's room as "said".
// usage: node socketio_rooms.mjs PORT
import { Server } from "socket.io";

const io = new Server({ transports: ["websocket"], perMessageDeflate: false, pingInterval: 300_000, serveClient: false });

io.on("connection", (socket) => {
  socket.on("join", (room) => {
    socket.join(room);
    socket.data.room = room;
    socket.emit("joined");
  });
  socket.on("say", (text) => io.to(socket.data.room).emit("said", text));
});

io.listen(Number(process.argv[2]), { host: "127.0.0.1" });
