"""In which zone the times of stories are said, of those too that an older version published."""

from __future__ import annotations

from engine.storage.meta import Meta
from publisher.catalogue.published import Catalogue
from publisher.catalogue.tables import PUBLISHER
from tests.publisher.samples import snapshot
from tests.publisher.site.test_series import in_series
from tests.publisher.studio_data import Publisher


def test_what_an_older_version_published_gets_the_zone_of_its_series(publisher: Publisher) -> None:
    """Other stories keep the studio's; so do those of a series that nobody knows."""
    in_series(publisher, "Asia/Kathmandu")
    publisher.publish(snapshot("told", series_id="evening"), ["web"])
    publisher.publish(snapshot("gone", series_id="gone"), ["web"])
    publisher.publish(snapshot("single"), ["web"])
    connection = publisher.connection
    connection.execute("ALTER TABLE published DROP COLUMN time_zone")
    Meta(connection).set(PUBLISHER.steps_key, str(PUBLISHER.version - 1))
    Meta(connection).set(PUBLISHER.key, str(PUBLISHER.version - 1))
    catalogue = Catalogue(connection)
    zones = {each.session_id: each.time_zone for each in catalogue.snapshots()}
    assert zones == {"told": "Asia/Kathmandu", "gone": None, "single": None}
