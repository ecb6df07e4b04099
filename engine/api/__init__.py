"""The HTTP API: a package per group of resources, whose modules have ``ENDPOINTS``; ``routes`` puts them together.

A new endpoint goes into the module of its resource (or a new one, named in ``routes``): a handler, its request model,
an ``Endpoint`` row, from which both the router and the OpenAPI document are made, and an example in ``examples``.
Owns: every route but the WebSockets and the live pages; the JSON that clients send and get.
Invariants: a handler checks its caller first; a handler's docstring is its description in the API's documents.
Its packages say what they import beside ``engine.api.http``, ``models`` and ``id_case``, which are there for all of them.
May import: ``engine.domain``, ``protocol``, ``storage``; ``publisher.catalogue``.
"""
