"""The shell of a page that loads nothing from anywhere: template, styles, scripts, policy."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from spectra.errors import StoreError, reason

_TEMPLATES = Path(__file__).parent / "templates"


def render(
    template: str, data: Any, *, scripts: tuple[str, ...], styles: tuple[str, ...], **content: Any
) -> str:
    """Render a page whose template extends ``base.html``.

    Everything that comes from files is escaped. A content security policy forbids the page
    every network access and every script but its own, which it names by their hashes.

    Parameters
    ----------
    template : str
    data : JSON-able
        What the page's scripts read.
    scripts, styles : tuple of str
        Files of the templates' folder, after plotly and the script that all pages share.
    **content
        What the template names.
    """
    from plotly.offline import get_plotlyjs

    texts = [get_plotlyjs(), *(_template(name) for name in ("plots.js", *scripts))]
    return _render(template, data, texts, styles, content)


def render_light(
    template: str, data: Any, *, scripts: tuple[str, ...], styles: tuple[str, ...], **content: Any
) -> str:
    """Render such a page without plotly, small enough to be written again every second.

    Parameters
    ----------
    template, data, styles, **content
        As for `render`.
    scripts : tuple of str
        Files of the templates' folder.
    """
    return _render(template, data, [_template(name) for name in scripts], styles, content)


def _render(
    template: str, data: Any, texts: list[str], styles: tuple[str, ...], content: dict[str, Any]
) -> str:
    return render_plain(
        template,
        styles=styles,
        **content,
        scripts=texts,
        hashes=[_hash(text) for text in texts],
        data=embedded_json(data),
    )


def render_plain(template: str, *, styles: tuple[str, ...], **content: Any) -> str:
    """Render a page without scripts; everything that comes from files is escaped.

    Parameters
    ----------
    template : str
    styles : tuple of str
        Files of the templates' folder, after that of all pages.
    **content
        What the template names.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    style = "".join(_template(name) for name in ("page.css", *styles))
    return environment.get_template(template).render(**content, style=style)


def write_text(path: Path, text: str) -> Path:
    """Write a page.

    Raises
    ------
    StoreError
        If it cannot be written; a page that stood there before stays as it was.
    """
    # Whole or not at all: a browser may be looking at the page of the last run.
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise StoreError(f"{path}: the report cannot be written: {reason(error)}") from error
    return path


def embedded_json(value: Any) -> str:
    """JSON that may stand inside a script element, whatever names it holds."""
    text = json.dumps(value, default=float, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _template(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    """What a content security policy calls a script by."""
    digest = hashlib.sha256(script.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
