"""What programs subscribe to: ``feed.xml``, ``feed.json``, ``calendar.ics``, and the WebSub hub.

Invariants: identical content gives identical bytes, so that ETags hold; archives that are complete never change.
May import: ``publisher.catalogue``, ``rendering``, ``files``.
"""
