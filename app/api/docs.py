"""The reference page at /api/v2/docs, made from the OpenAPI document: plain HTML, no script."""

from collections.abc import Mapping
from html import escape
from typing import Any

STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c1c1c;background:#fff}
code,pre{font:14px/1.45 ui-monospace,monospace}h2{margin-top:3rem;border-bottom:1px solid #ccc}
section{margin:1.5rem 0;padding:1rem;border:1px solid #ddd;border-radius:6px}h3{margin:0 0 .5rem}
.m{display:inline-block;min-width:4.5em;font-weight:700}table{border-collapse:collapse;width:100%}
td,th{text-align:left;vertical-align:top;padding:.25rem .5rem;border-top:1px solid #eee}a{color:#0b57a4}
@media(prefers-color-scheme:dark){body{color:#e6e6e6;background:#161616}section{border-color:#333}
td,th{border-color:#2a2a2a}h2{border-color:#444}a{color:#8ab8ee}}
"""


def render_docs(document: Mapping[str, Any]) -> str:
    """One page with every operation and every model."""
    operations: dict[str, list[str]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            operations.setdefault(operation["tags"][0], []).append(_render_operation(path, method, operation))
    tags = "".join(f'<li><a href="#tag-{escape(tag)}">{escape(tag)}</a></li>' for tag in operations)
    parts = "".join(
        f'<h2 id="tag-{escape(tag)}">{escape(tag)}</h2>{"".join(items)}' for tag, items in operations.items()
    )
    models = "".join(_render_model(name, schema) for name, schema in sorted(document["components"]["schemas"].items()))
    info = document["info"]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(info["title"])} API</title>'
        f'<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="docs.css"></head><body>'
        f"<h1>{escape(info['title'])} API {escape(info['version'])}</h1><p>{_text(info['description'])}</p>"
        "<p>Send your key with every call: <code>Authorization: Bearer aqk_…</code>. The document for programs is "
        f'<a href="openapi.json">openapi.json</a>.</p><ul>{tags}<li><a href="#models">models</a></li></ul>{parts}'
        f'<h2 id="models">models</h2>{models}</body></html>'
    )


def _render_operation(path: str, method: str, operation: Mapping[str, Any]) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(one['name'])}</code></td><td>{escape(one['in'])}</td><td>{_type(one['schema'])}"
        f"{'' if one['required'] else ', optional'}</td><td>{_text(one.get('description', ''))}</td></tr>"
        for one in operation["parameters"]
    )
    table = f"<table><tbody>{rows}</tbody></table>" if rows else ""
    body = ""
    if "requestBody" in operation:
        body = f"<p>Body: {_type(operation['requestBody']['content']['application/json']['schema'])}</p>"
    answers = "".join(
        f"<tr><td>{escape(status)}</td><td>{_text(answer['description'])}</td>"
        f"<td>{_type(next(iter(answer['content'].values()))['schema'])}</td></tr>"
        for status, answer in operation["responses"].items()
    )
    return (
        f'<section id="{escape(operation["operationId"])}"><h3><span class="m">{method.upper()}</span> '
        f"<code>{escape(path)}</code></h3><p>{_text(operation['summary'])}. {_text(operation['description'])}</p>"
        f"{table}{body}<table><tbody>{answers}</tbody></table></section>"
    )


def _render_model(name: str, schema: Mapping[str, Any]) -> str:
    required = set(schema.get("required", ()))
    rows = "".join(
        f"<tr><td><code>{escape(field)}</code></td><td>{_type(shape)}{'' if field in required else ', optional'}</td>"
        f"<td>{_text(shape.get('description', ''))}</td></tr>"
        for field, shape in schema.get("properties", {}).items()
    )
    return (
        f'<section id="model-{escape(name)}"><h3><code>{escape(name)}</code></h3>'
        f"<p>{_text(schema.get('description', ''))}</p><table><tbody>{rows}</tbody></table></section>"
    )


def _type(schema: Mapping[str, Any]) -> str:
    """A type in few words, with links to models."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f'<a href="#model-{escape(name)}">{escape(name)}</a>'
    if "anyOf" in schema:
        return " or ".join(_type(choice) for choice in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(f"<code>{escape(str(choice))}</code>" for choice in schema["enum"])
    if "const" in schema:
        return f"<code>{escape(str(schema['const']).lower())}</code>"
    if "contentSchema" in schema.get("properties", {}).get("data", {}):
        return f"events, each with {_type(schema['properties']['data']['contentSchema'])}"
    kind = str(schema.get("type", "anything"))
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}"
    extra = schema.get("format") or schema.get("pattern")
    return escape(kind) + (f" <code>{escape(extra)}</code>" if extra else "")


def _text(text: str) -> str:
    """Escaped, with what stands between backquotes as code."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if index % 2 else part for index, part in enumerate(parts))
