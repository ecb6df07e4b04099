"""``sitemap.xml`` (sitemaps.org): an index, one file a month of sessions, one for the fixed pages."""

from __future__ import annotations

from collections.abc import Iterable
from xml.sax.saxutils import escape

from engine.domain.instant import Millis, iso
from engine.domain.techniques import lookup
from engine.storage.techniques import OwnTechniques
from publisher.catalogue.published import Catalogue
from publisher.files.tree import SiteFile
from publisher.rendering.links import Links

__all__ = ["index", "of_month"]

_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
_NAMESPACE = "http://www.sitemaps.org/schemas/sitemap/0.9"
_FIXED = ("", "sessions/", "techniques/", "subscribe/")


def _urls(entries: Iterable[tuple[str, Millis | None]]) -> bytes:
    lines = [
        f"<url><loc>{escape(url)}</loc>"
        + (f"<lastmod>{iso(modified)}</lastmod>" if modified else "")
        + "</url>"
        for url, modified in entries
    ]
    return "\n".join([f'{_HEAD}<urlset xmlns="{_NAMESPACE}">', *lines, "</urlset>\n"]).encode()


def of_month(catalogue: Catalogue, month: str, links: Links) -> SiteFile:
    """The sitemap of a month's sessions; without bytes, so that the file is removed, where there are none."""
    path = f"sitemap-{month}.xml"
    entries = [
        (links.absolute(f"sessions/{each.session_id}/"), each.updated_at)
        for each in catalogue.of_month(month)
    ]
    return SiteFile(path, _urls(entries) if entries else None)


def index(catalogue: Catalogue, links: Links) -> list[SiteFile]:
    """The sitemap of the fixed pages and lists, and the index of all sitemaps."""
    slugs = [*lookup.CATALOGUE, *(each.slug for each in OwnTechniques(catalogue.connection).all())]
    fixed = [*_FIXED, *(f"techniques/{slug}/" for slug in slugs)]
    months = [month for month, _ in catalogue.months()]
    pages = [(links.absolute(path), None) for path in fixed]
    pages += [(links.absolute(f"sessions/{month.replace('-', '/')}/"), None) for month in months]
    parts = ["sitemap-pages.xml", *(f"sitemap-{month}.xml" for month in months)]
    lines = [f"<sitemap><loc>{escape(links.absolute(part))}</loc></sitemap>" for part in parts]
    document = "\n".join([f'{_HEAD}<sitemapindex xmlns="{_NAMESPACE}">', *lines, "</sitemapindex>\n"])
    return [SiteFile("sitemap-pages.xml", _urls(pages)), SiteFile("sitemap.xml", document.encode())]
