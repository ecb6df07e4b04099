"""The OpenAPI 3.1 document, generated from the endpoints and the models that validate requests."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, TypeAdapter

from engine.api.http.endpoint import API, Endpoint, Example

__all__ = ["Refusal", "document"]

_REF = "#/components/schemas/{model}"
_DESCRIPTIONS = {
    400: "The data is wrong; `details` names every field that is.",
    401: "No credential, or a wrong one.",
    403: "This credential does not allow it.",
    404: "There is no such session, or nothing at this address.",
    409: "Right in itself, but not in the present state.",
    413: "The body is larger than 1 MiB.",
    429: "Too many requests from this address; see `Retry-After`.",
    503: "Not now: the server starts, drains, or cannot reach its database; see `Retry-After`.",
}
_ACCESS = {
    "anybody": "Needs no credential; with one of the session it tells more.",
    "key": "Needs a key.",
    "admin": "Needs the administrator's key.",
    "staff": "Needs a key, or the token of the session's instructor.",
    "person": "Needs the `resume` of somebody who takes part.",
}


class Refusal(BaseModel):
    """Why something was refused: a code for programs, a sentence for people, a reason per field."""

    error: str
    message: str
    details: dict[str, str]


def document(
    endpoints: Sequence[Endpoint], *, version: str, server: str, examples: Mapping[str, Example]
) -> dict[str, Any]:
    """Build the document; equal arguments give an equal one. ``server`` is the base URL, ``examples`` by endpoints' names."""
    types: list[Any] = [Refusal]
    for endpoint in endpoints:
        types.extend(each for each in (endpoint.body, endpoint.response) if each is not None)
    adapters = {index: TypeAdapter[Any](each) for index, each in enumerate(types)}
    schemas, definitions = TypeAdapter.json_schemas(
        [(index, "validation", adapter) for index, adapter in adapters.items()], ref_template=_REF
    )
    by_type = {id(each): schemas[(index, "validation")] for index, each in enumerate(types)}
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        operation = _operation(endpoint, by_type, examples.get(endpoint.name, Example()))
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Halcytone Live",
            "version": version,
            "summary": "Lead live breathing sessions, and publish the story of each one.",
            "description": "Every path below /api/v2/sessions/ is also there below /api/v2/session/.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": server}],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": definitions.get("$defs", {}),
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A key, a session's token, or a person's `resume`.",
                },
                "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            },
        },
    }


def _operation(endpoint: Endpoint, schemas: dict[int, Any], example: Example) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": _operation_id(endpoint),
        "summary": endpoint.summary,
        "tags": [_tag(endpoint.path)],
        "description": f"{_in_markdown(endpoint.handler.__doc__)}\n\n{_ACCESS[endpoint.access]}".strip(),
        "parameters": _parameters(endpoint, example),
        "responses": _responses(endpoint, schemas),
        "security": [{"bearer": []}, {"key": []}] + ([{}] if endpoint.access == "anybody" else []),
    }
    if endpoint.body is not None:
        schema = schemas[id(endpoint.body)]
        if endpoint.many:
            several = {"type": "array", "items": schema, "maxItems": 100}
            schema = several if endpoint.path.endswith("/batch") else {"anyOf": [schema, several]}
        content: dict[str, Any] = {"schema": schema}
        if example.body is not None:
            content["example"] = example.body
        operation["requestBody"] = {"required": True, "content": {"application/json": content}}
    return operation


def _tag(path: str) -> str:
    """The part of the reference that a path stands in: its resource."""
    resource = path.removeprefix(API).strip("/").split("/")[0]
    return resource if path.startswith(API) else "health"


def _in_markdown(docstring: str | None) -> str:
    """A docstring as Markdown: literals are in single backticks there."""
    return inspect.cleandoc(docstring or "").replace("``", "`")


def _parameters(endpoint: Endpoint, example: Example) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "minLength": 1},
            **({"example": example.path[name]} if name in example.path else {}),
        }
        for name in re.findall(r"{(\w+)}", endpoint.path)
    ]
    if endpoint.query is not None:
        properties = endpoint.query.model_json_schema(ref_template=_REF)["properties"]
        parameters.extend(
            {
                "name": name,
                "in": "query",
                "required": False,
                "schema": {k: v for k, v in s.items() if k != "title"},
                **({"example": example.query[name]} if name in example.query else {}),
            }
            for name, s in properties.items()
        )
    return parameters


def _responses(endpoint: Endpoint, schemas: dict[int, Any]) -> dict[str, Any]:
    content: dict[str, Any] = (
        {"type": "string"} if endpoint.media_type != "application/json" else {"type": "object"}
    )
    if endpoint.response is not None:
        content = schemas[id(endpoint.response)]
    responses: dict[str, Any] = {
        str(endpoint.status): {
            "description": endpoint.summary,
            "content": {
                endpoint.media_type: {"schema": content},
                **{kind: {"schema": {"type": "string"}} for kind in endpoint.also},
            },
        }
    }
    for status in sorted(_error_statuses(endpoint)):
        responses[str(status)] = {
            "description": _DESCRIPTIONS[status],
            "content": {"application/json": {"schema": schemas[_REFUSAL]}},
        }
    return responses


def _error_statuses(endpoint: Endpoint) -> set[int]:
    statuses = {*endpoint.refusals}
    if endpoint.path.startswith("/api/"):
        # An invalid credential is refused everywhere, every address has a rate limit, and a database may be away.
        statuses |= {401, 429, 503}
    if endpoint.access != "anybody":
        statuses |= {403}
    if "{" in endpoint.path:
        statuses |= {404}
    if endpoint.query is not None:
        statuses |= {400}
    if endpoint.method != "GET":
        statuses |= {400, 413}
    return statuses


def _operation_id(endpoint: Endpoint) -> str:
    words = re.findall(r"[a-z0-9_]+", endpoint.path.removeprefix("/api/v2").lower())
    return "_".join([endpoint.method.lower(), *words])


_REFUSAL = id(Refusal)
