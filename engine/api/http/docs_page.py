"""The OpenAPI document as an HTML page."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from aiohttp import web

from engine.api.http.plain_page import PageContext, bare_page

__all__ = ["render"]

_METHODS = ("get", "post", "put", "patch", "delete")


def render(page: PageContext, document: Mapping[str, Any]) -> web.Response:
    """Render the document: a section per endpoint, a table per schema. English, whatever the studio's language."""
    info = document["info"]
    sections = [
        f"<p>{escape(info['summary'])} {escape(info['description'])}</p>",
        '<p>For programs: <a href="'
        + escape(page.links.here("/api/openapi.json"))
        + '">openapi.json</a> (OpenAPI 3.1). '
        "A key goes into the header <code>Authorization: Bearer …</code> or <code>X-API-Key</code>.</p>",
        "<h2>Endpoints</h2>",
    ]
    for path, operations in document["paths"].items():
        sections.extend(_endpoint(m, path, operations[m]) for m in _METHODS if m in operations)
    sections.append("<h2>Shapes</h2>")
    schemas = document["components"]["schemas"]
    sections.extend(_schema(name, schemas[name]) for name in sorted(schemas))
    return bare_page(page, f"{info['title']} API", "".join(sections))


def _endpoint(method: str, path: str, operation: Mapping[str, Any]) -> str:
    html = (
        f'<section<h3 id="{escape(operation["operationId"])}">{escape(operation["summary"])}</h3>'
        f"<p><code>{method.upper()} {escape(path)}</code></p><p>{escape(operation['description'])}</p>"
    )
    queries = [p for p in operation["parameters"] if p["in"] == "query"]
    if queries:
        rows = "".join(_row(p["name"], p["schema"], required=False) for p in queries)
        html += _table(f"In the query of {method.upper()} {path}", rows)
    if "requestBody" in operation:
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        html += f"<p>Body: {_type(schema)}</p>"
    errors = ", ".join(
        f"<code>{status}</code> {escape(response['description'])}"
        for status, response in operation["responses"].items()
        if status.startswith(("4", "5"))
    )
    success = ", ".join(status for status in operation["responses"] if status.startswith("2"))
    return f'{html}<p>Answer: <code>{success}</code>. <span class="quiet">Refusals: {errors}</span></p></section>'


def _schema(name: str, schema: Mapping[str, Any]) -> str:
    described = f"<p>{escape(schema['description'])}</p>" if "description" in schema else ""
    required = schema.get("required", ())
    properties: Mapping[str, Any] = schema.get("properties", {})
    rows = "".join(_row(field, each, required=field in required) for field, each in properties.items())
    return f'<section><h3 id="shape-{escape(name)}">{escape(name)}</h3>{described}{_table(f"Fields of {name}", rows) if rows else ""}</section>'


def _row(name: str, schema: Mapping[str, Any], *, required: bool) -> str:
    notes = [str(schema["description"])] if "description" in schema else []
    if "default" in schema and schema["default"] is not None:
        notes.append(f"default {schema['default']}")
    need = "required" if required else "optional"
    return (
        f'<tr><th scope="row"><code>{escape(name)}</code></th><td>{_type(schema)}</td>'
        f"<td>{need}</td><td>{escape('; '.join(notes))}</td></tr>"
    )


def _table(caption: str, rows: str) -> str:
    head = '<tr><th scope="col">Field</th><th scope="col">Type</th><th scope="col">Needed</th><th scope="col">Notes</th></tr>'
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption)}"><table>'
        f"<caption>{escape(caption)}</caption><thead>{head}</thead><tbody>{rows}</tbody></table></div>"
    )


def _type(schema: Mapping[str, Any]) -> str:
    """A schema's type in words, as HTML."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        return f'<a href="#shape-{escape(name)}">{escape(name)}</a>'
    for keyword in ("anyOf", "oneOf"):
        if keyword in schema:
            return " or ".join(_type(each) for each in schema[keyword])
    if "const" in schema:
        return f"<code>{escape(str(schema['const']))}</code>"
    if "enum" in schema:
        return " | ".join(f"<code>{escape(str(value))}</code>" for value in schema["enum"])
    kind = str(schema.get("type", "anything"))
    if kind == "array":
        inner = schema.get("items", {"type": "values"})
        return f"list of {_type(inner)}{_bounds(schema, 'minItems', 'maxItems')}"
    if "format" in schema:
        return escape(f"{kind} ({schema['format']})")
    if kind == "string":
        return kind + _bounds(schema, "minLength", "maxLength")
    return kind + _bounds(schema, "minimum", "maximum")


def _bounds(schema: Mapping[str, Any], minimum: str, maximum: str) -> str:
    if minimum in schema and maximum in schema:
        return f", {schema[minimum]} to {schema[maximum]}"
    if maximum in schema:
        return f", at most {schema[maximum]}"
    return f", at least {schema[minimum]}" if minimum in schema else ""
