"""The live pages (join, console, wall) and their ES modules, which run without a build step.

Owns: the pages' HTML shells, the files below ``/static/live``, a studio's own sounds, QR codes of join links. README.md describes the modules.
Invariants: a page knows nothing of a session but the title and preview that ``app`` gives it for a join link; its modules
ask the API and the live socket for the rest; no inline script.
May import: ``engine.domain``, ``api`` (files that are sent in parts); ``publisher.rendering``.
"""
