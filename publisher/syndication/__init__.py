"""What programs subscribe to: ``feed.xml``, ``feed.json``, ``calendar.ics``, and notifications of the WebSub hub.

Invariants: the same catalogue gives the same bytes, so that ETags hold; complete parts of the archive never change.
May import: ``publisher.catalogue``, ``rendering``, ``files``.
"""
