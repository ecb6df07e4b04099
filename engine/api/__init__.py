"""The HTTP API: one module per resource, with its endpoints in ``ENDPOINTS``; ``routes`` puts them together.

A new endpoint goes into the module of its resource (or a new one, named in ``routes``): a handler, its request
models, and an ``Endpoint`` row, from which both the router and the OpenAPI document are made.
May import: ``engine.api.http`` and what that may import; of the publisher its content, summary, catalogue and drafts.
"""
