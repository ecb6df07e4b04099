"""What programs subscribe to: ``feed.xml``, ``feed.json``, ``calendar.ics``, and notices sent to the WebSub hub.

Invariants: the same catalogue gives the same bytes, so that ETags hold; complete parts of the archive never change.
May import: ``engine.domain``; ``publisher.catalogue``, ``files``, ``rendering``.
"""
