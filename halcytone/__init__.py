"""A client of Halcytone Live for Python programs; needs aiohttp and nothing of the server.

``client`` is one connection: join, come back to one's place, send, hear. ``following`` keeps one open over lost
connections and hands out events. ``close_codes`` says what a close code asks of a client, and when to come back.
The demonstration, the tests and the soak test of this project use it.
"""
