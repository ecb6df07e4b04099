"""The live pages (join, console, wall) and their ES modules, which run without a build step.

Owns: the pages' HTML shells, the files below ``/static/live``, QR codes of join links. README.md describes the modules.
Invariants: a page knows nothing of a session, which its modules ask the API and the live socket for; no inline script.
May import: ``engine.domain``; ``publisher.rendering``.
"""
