"""What every endpoint shares: middleware, credentials, bodies, responses, and the OpenAPI document.

Owns: the shape of requests and refusals, the credentials of callers, the application's typed keys.
Invariants: every refusal is ``{"error", "message", "details"}``; no stack trace, path or secret leaves or is logged.
May import: ``engine.sessions`` (ports), ``engine.storage``, ``engine.protocol``, ``engine.domain``. Knows no resource.
"""
