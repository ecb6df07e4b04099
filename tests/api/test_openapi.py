"""The documents: valid, complete, readable without anything from outside."""

from __future__ import annotations

import re

from aiohttp import web
from bs4 import BeautifulSoup
from openapi_spec_validator import OpenAPIV31SpecValidator

from engine.api.http.endpoint import both_spellings
from engine.api.http.openapi import document
from engine.api.routes import ENDPOINTS
from tests.api.conftest import Server


async def test_the_document_is_valid(server: Server) -> None:
    """OpenAPI 3.1, by its own schema."""
    reply = (await server.stranger.get("/api/openapi.json")).json()
    assert reply["openapi"] == "3.1.0"
    OpenAPIV31SpecValidator(reply).validate()
    assert reply["servers"] == [{"url": server.url}]


def test_every_route_is_told() -> None:
    """One operation per endpoint, with an id of its own."""
    reply = document(ENDPOINTS, version="1", server="http://x")
    operations = [(path, method) for path, methods in reply["paths"].items() for method in methods]
    assert len(operations) == len(ENDPOINTS)
    ids = [operation["operationId"] for methods in reply["paths"].values() for operation in methods.values()]
    assert len(set(ids)) == len(ids)


def test_both_spellings_cover_every_path_below_sessions() -> None:
    """And nothing else: session-summary is no session."""
    app = web.Application()
    for endpoint in ENDPOINTS:
        for path in both_spellings(endpoint.path):
            app.router.add_route(endpoint.method, path, endpoint.handler)
    paths = {resource.canonical for resource in app.router.resources()}
    assert "/api/v2/session/{session_id}/content" in paths
    assert "/api/v2/session/create" in paths
    assert "/api/v2/sessions-summary" not in paths


async def test_bodies_are_described_as_they_are_checked(server: Server) -> None:
    """Required fields, bounds, and no room for unknown ones."""
    schemas = (await server.stranger.get("/api/openapi.json")).json()["components"]["schemas"]
    create = schemas["CreateRoom"]
    assert set(create["required"]) == {"session_id", "title", "scheduled_start", "instructor"}
    assert create["additionalProperties"] is False
    assert (
        create["properties"]["max_participants"]["minimum"],
        create["properties"]["max_participants"]["maximum"],
    ) == (1, 1000)
    assert create["properties"]["scheduled_start"]["format"] == "date-time"
    assert "default" not in schemas["EditRoom"]["properties"]["title"]


async def test_the_page_needs_nothing_from_outside(server: Server) -> None:
    """No script, no inline style, every address of this host; headings in order, tables with headers."""
    page = await server.stranger.get("/api/docs")
    assert page.status_code == 200
    tree = BeautifulSoup(page.text, "html.parser")
    assert tree.html is not None
    assert tree.html["lang"] == "en"
    assert not tree.find_all(["script", "style", "img", "iframe"])
    assert not tree.find_all(style=True)
    addresses = [tag.get("href") or tag.get("src") for tag in tree.find_all(["a", "link"])]
    assert all(re.match(r"[/#]|data:,$", str(address)) for address in addresses)
    regions = [tag["aria-label"] for tag in tree.find_all(role="region")]
    assert len(set(regions)) == len(regions)
    ids = {tag["id"] for tag in tree.find_all(id=True)}
    assert all(str(a)[1:] in ids for a in addresses if str(a).startswith("#"))
    assert "Create a session" in page.text
    assert (await server.stranger.get("/api/plain.css")).headers["content-type"].startswith("text/css")
