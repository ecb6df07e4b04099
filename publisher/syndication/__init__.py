"""What programs subscribe to: ``feed.xml``, ``feed.json``, ``calendar.ics``, and notices sent to the WebSub hub.

``feed`` and ``calendar`` make the bytes; ``publisher.site.builder`` writes them with the pages that they name.
Invariants: the same catalogue gives the same bytes, so that ETags hold; complete parts of the archive never change.
May import: ``engine.domain``; ``publisher.catalogue``, ``files``, ``rendering``.
"""
