"""The HTTP API: a room per group of resources, modules with ``ENDPOINTS`` in it; ``routes`` puts them together.

A new endpoint goes into the module of its resource (or a new one, named in ``routes``): a handler, its request model,
an ``Endpoint`` row, from which both the router and the OpenAPI document are made, and an example in ``examples``.
Owns: every route but the WebSockets and the live pages; the JSON that clients send and get.
Invariants: a handler checks its caller first; a handler's docstring is its description in the API's documents.
May import: ``engine.domain``, ``protocol``, ``storage``; ``publisher.catalogue``. Its rooms say what they import.
"""
