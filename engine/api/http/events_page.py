"""The AsyncAPI document as an HTML page: contents, then each channel with its messages and their fields."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape
from typing import Any

from aiohttp import web

from engine.api.http.plain_page import PageContext, bare_page

__all__ = ["render"]

_DIRECTIONS = {"receive": "To the server", "send": "From the server"}


def render(page: PageContext, document: Mapping[str, Any]) -> web.Response:
    """The page. English, whatever the studio's language."""
    here, channels = page.links.here, document["channels"]
    contents = "".join(
        f'<li><a href="#{name}">{escape(channel["title"])}</a></li>' for name, channel in channels.items()
    )
    body = (
        f'<p>For programs: <a href="{escape(here("/api/asyncapi.json"))}">asyncapi.json</a> (AsyncAPI 3). '
        f'The HTTP API: <a href="{escape(here("/api/docs"))}">its reference</a>.</p><ul>{contents}</ul>'
    )
    for name, channel in channels.items():
        address = f"<p><code>{escape(channel['address'])}</code></p>" if channel["address"] else ""
        body += (
            f'<h2 id="{name}">{escape(channel["title"])}</h2>{address}<p>{_text(channel["description"])}</p>'
        )
        for operation in document["operations"].values():
            if operation["channel"]["$ref"] == f"#/channels/{name}":
                body += _operation(operation, document)
    return bare_page(page, "Sockets and webhooks", body)


def _operation(operation: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    sections = [f"<h3>{_DIRECTIONS[operation['action']]}: {escape(operation['summary'])}</h3>"]
    for reference in operation["messages"]:
        name = reference["$ref"].rsplit("/", 1)[-1]
        message = document["components"]["messages"][name]
        rows = "".join(_rows(message["payload"], document, ""))
        title, summary, who = (
            escape(message["title"]),
            _text(message["summary"]),
            _text(message["description"]),
        )
        sections.append(
            f"<details><summary><code>{title}</code> {summary}</summary><p>{who}</p>"
            f'<div class="scroll"><table><caption>Fields of <code>{title}</code></caption><thead><tr>'
            '<th scope="col">Field</th><th scope="col">Type</th><th scope="col">Notes</th></tr></thead>'
            f"<tbody>{rows}</tbody></table></div></details>"
        )
    return "".join(sections)


def _rows(schema: Mapping[str, Any], document: Mapping[str, Any], within: str) -> list[str]:
    rows = []
    required = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        found = _resolved(field, document)
        notes = ["" if name in required else "optional", str(found.get("description", ""))]
        rows.append(
            f'<tr><th scope="row"><code>{escape(within + name)}</code></th><td>{_type(found, document)}</td>'
            f"<td>{_text('; '.join(filter(None, notes)))}</td></tr>"
        )
        rows.extend(_rows_within(found, document, f"{within}{name}"))
    return rows


def _rows_within(schema: Mapping[str, Any], document: Mapping[str, Any], name: str) -> list[str]:
    """The rows of the fields in a field: of an object, of each object in a list, of an object that may be missing."""
    rows = _rows(schema, document, f"{name}.")
    if isinstance(schema.get("items"), Mapping):
        rows.extend(_rows_within(_resolved(schema["items"], document), document, f"{name}[]"))
    for each in schema.get("anyOf", ()):
        rows.extend(_rows_within(_resolved(each, document), document, name))
    return rows


def _resolved(schema: Mapping[str, Any], document: Mapping[str, Any]) -> Mapping[str, Any]:
    """A schema with what it refers to; its own words come before those of the other."""
    found = dict(schema)
    references = [found.pop("$ref")] if "$ref" in found else [each["$ref"] for each in found.pop("allOf", ())]
    for reference in references:
        found = {**document["components"]["schemas"][reference.rsplit("/", 1)[-1]], **found}
    return found


def _type(schema: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    """A schema's type in words, as HTML."""
    if "const" in schema:
        return f"<code>{escape(str(schema['const']))}</code>"
    if "enum" in schema:
        return " or ".join(f"<code>{escape(str(value))}</code>" for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(_type(_resolved(each, document), document) for each in schema["anyOf"])
    kind = schema.get("type", "anything")
    words = " or ".join(kind) if isinstance(kind, list) else str(kind)
    bounds = [
        f"{said} {schema[name]}"
        for name, said in (
            ("minimum", "from"),
            ("maximum", "to"),
            ("maxLength", "at most"),
            ("maxItems", "at most"),
        )
        if name in schema
    ]
    return escape(", ".join([words, *bounds]))


def _text(markdown: str) -> str:
    """Plain sentences with code in backticks, as HTML."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(markdown))
