"""The documents: valid, complete, readable without anything from outside."""

from __future__ import annotations

from aiohttp import web
from openapi_spec_validator import OpenAPIV31SpecValidator

from engine.api.examples import examples
from engine.api.http.endpoint import both_spellings
from engine.api.http.openapi import document
from engine.api.routes import ENDPOINTS
from tests.api.conftest import Server

EXAMPLES = examples("2026-05-14")


async def test_the_document_is_valid(server: Server) -> None:
    """OpenAPI 3.1, by its own schema."""
    reply = (await server.stranger.get("/api/openapi.json")).json()
    assert reply["openapi"] == "3.1.0"
    OpenAPIV31SpecValidator(reply).validate()
    assert reply["servers"] == [{"url": server.url}]


def test_every_route_is_told() -> None:
    """One operation per endpoint, with an id of its own."""
    reply = document(ENDPOINTS, version="1", server="http://x", examples=EXAMPLES)
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


def test_descriptions_are_sentences() -> None:
    """As readers see them: no literal of a docstring, no full stop before a comma, a name for each group."""
    reply = document(ENDPOINTS, version="1", server="http://x", examples=EXAMPLES)
    operations = [operation for methods in reply["paths"].values() for operation in methods.values()]
    for operation in operations:
        said = operation["description"] + "".join(r["description"] for r in operation["responses"].values())
        assert "``" not in said
        assert ".," not in said
        assert said.count("`") % 2 == 0
        assert len(operation["tags"]) == 1
