"""Sockets and rooms: reading frames into commands, writing the ring of prepared frames out."""
