"""The pages that the server renders itself, around the published site: sessions and series to come, registration, and the files of the site.

Owns: what a visitor sees at addresses of which ``public/`` has no file.
Invariants: nothing of a private session leaks into a page, a calendar file or a preview.
May import: ``engine.api.registrations``, ``series``, ``sessions``; ``engine.domain``, ``sessions``, ``storage``; ``publisher.catalogue``, ``rendering``, ``syndication``.
"""
