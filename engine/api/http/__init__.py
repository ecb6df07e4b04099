"""What every endpoint shares: middleware, authentication, bodies, responses, and the OpenAPI document.

Owns: the shape of requests and errors, authentication of callers, the application's typed keys, server-rendered pages.
Invariants: every error is ``{"error", "message", "details"}``; no stack trace, path or secret leaves or is logged.
May import: ``engine.clock``, ``domain``, ``protocol``, ``sessions``, ``storage``; ``publisher.rendering``. No resource module.
"""
