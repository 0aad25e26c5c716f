"""Pages that are written from declarations: methods, corrections, the API, recipes.

Plain text in, plain text out; needs spectra, and no Sphinx.
"""

from __future__ import annotations

import importlib
import inspect
import tomllib
from pathlib import Path

from declarations import Declaration, declared
from narratives import Narrative, read_narratives
from told import Part, Told, read_told

TECHNIQUES = {
    "xrd": "Diffraction",
    "xas": "X-ray absorption",
    "xps": "Photoemission",
    "raman": "Raman scattering",
}
PACKAGES = {
    "spectra": "The face of the house",
    "spectra.fit": "Fits of many spectra at once",
    "spectra.operando": "Frames against electrochemistry",
    "spectra.reference": "What `reference_patterns/` holds",
    "spectra.units": "Units",
    "spectra.method": "What every method is",
    "spectra.correction": "What every correction is",
    "spectra.errors": "Errors and warnings",
    **{f"spectra.{name}": title for name, title in TECHNIQUES.items()},
}


def write_all(docs: Path) -> None:
    """Write every generated page below `docs`; what is no longer declared goes."""
    narratives, told = read_narratives(docs), read_told(docs)
    pages = {
        f"methods/{d.name}.md": method_page(d, told[d.name], narratives, docs) for d in declared()
    }
    pages["methods/index.md"] = method_index(declared())
    pages |= {f"api/{name}.md": api_page(name) for name in PACKAGES}
    pages["api/index.md"] = api_index()
    pages["recipes_listed.md"] = recipe_page(docs / "recipes")
    for folder in ("methods", "api"):
        (docs / folder).mkdir(exist_ok=True)
        for old in (docs / folder).glob("*.md"):
            if f"{folder}/{old.name}" not in pages:
                old.unlink()
    for name, text in pages.items():
        path = docs / name
        # Unchanged files keep their time, so that Sphinx does not read them again.
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")


def method_page(method: Declaration, told: Told, narratives: list[Narrative], docs: Path) -> str:
    """Everything that is known of one method or correction."""
    kind = "correction" if method.is_correction else "method"
    parts = [f"# {method.name}", f"*{TECHNIQUES[method.technique]}, {kind}*"]
    parts += [_rst(method.description), *_equation(told)]
    if method.notes:
        parts += ["## Notes", _rst(method.notes)]
    parts += ["## Example", f"```python\n{method.example.strip()}\n```"]
    rows = [
        [f"`{s.name}`", s.meaning, f"`{s.default}` {s.unit}", s.within] for s in method.settings
    ]
    parts += ["## Settings", "Given by keyword, or under these names in a recipe."]
    parts.append(_table(["setting", "meaning", "default", "range"], rows))
    table = method.run_example()
    if table is not None:
        rows = [
            [f"`{c.name}`" + (" ±" if c.stderr else ""), c.meaning, c.unit, ", ".join(c.dims)]
            for c in table.columns
        ]
        parts += ["## Results", f"The table `{table.name}` of the example, one row per frame."]
        parts.append(_table(["column", "meaning", "unit", "per"], rows))
        parts.append("± : its standard uncertainty stands beside it, as `<name>_stderr`.")
    elif not method.is_correction:
        raise ValueError(f"the example of {method.name} never calls it: its columns are not known")
    for title, named in (("Accuracy", told.accuracy), ("Limits", told.limits)):
        parts += [f"## {title}", *(_taken(Part.of(docs, name)) for name in named)]
    parts += ["## In the guides", *_mentions(method, narratives)]
    return "\n\n".join(parts) + "\n"


def _equation(told: Told) -> list[str]:
    """The equation with the meaning of its letters, or why there is none."""
    if told.no_equation:
        return ["## Equation", f"None of its own: {told.no_equation}."]
    return ["## Equation", f"```{{math}}\n{told.equation}\n```", told.where]


def _taken(part: Part) -> str:
    """What a guide tells, and where it stands."""
    where = f"[{part.title}: {part.heading}](../{part.page}#{part.slug})"
    return f"{part.text}\n\n{{.source}}\n{where}"


def _mentions(method: Declaration, narratives: list[Narrative]) -> list[str]:
    """Links to what is told elsewhere: how exact it is, and how it is used."""
    found = []
    for page in narratives:
        if not page.mentions(method.name):
            continue
        links = [f"[{page.title}](../{page.file})"]
        links += [f"[{title}](../{page.file}#{slug})" for title, slug in page.measured()]
        found.append("- " + " · ".join(links))
    if not found:
        raise ValueError(f"no page of the documentation mentions {method.name}")
    return ["\n".join(found)]


def method_index(methods: list[Declaration]) -> str:
    """All methods and corrections by technique, each in one line."""
    parts = [
        "# Methods",
        "A method turns frames into results, a correction turns a stack into a better one. "
        "Each page is written from what the method declares, and its example is run by the tests.",
    ]
    for technique, title in TECHNIQUES.items():
        own = [m for m in methods if m.technique == technique]
        rows = [
            [f"[{m.name}]({m.name}.md)", "correction" if m.is_correction else "method", m.summary]
            for m in own
        ]
        parts += [f"## {title}", _table(["name", "", "what it does"], rows)]
        entries = "\n".join(m.name for m in own)
        parts.append(f"```{{toctree}}\n:hidden:\n:caption: {title}\n\n{entries}\n```")
    return "\n\n".join(parts) + "\n"


def api_page(package: str) -> str:
    """Public names of a package; methods are linked to their pages."""
    module = importlib.import_module(package)
    methods = {d.cls: d.name for d in declared()}
    lines, blocks = [], []
    for name in _public(module):
        thing = getattr(module, name)
        if thing in methods.values() or _is_hashable_in(thing, methods):
            lines.append(f"- [{methods[thing]}](../methods/{methods[thing]}.md)")
        elif inspect.isclass(thing):
            blocks.append(f".. autoclass:: {package}.{name}\n   :members:\n   :no-index:")
        elif callable(thing):
            blocks.append(f".. autofunction:: {package}.{name}\n   :no-index:")
    parts = [f"# {package}", (inspect.getdoc(module) or "").split("\n\n")[0]]
    if lines:
        parts += ["## Methods and corrections", "\n".join(lines)]
    if blocks:
        parts += ["## Functions and classes", _rst("\n\n".join(blocks))]
    return "\n\n".join(parts) + "\n"


def _public(module: object) -> list[str]:
    listed = getattr(module, "__all__", None)
    if listed is not None:
        return [n for n in listed if not inspect.ismodule(getattr(module, n))]
    own = module.__name__  # type: ignore[attr-defined]
    return [
        n
        for n, thing in vars(module).items()
        if not n.startswith("_") and getattr(thing, "__module__", "") == own and callable(thing)
    ]


def _is_hashable_in(thing: object, known: dict[type, str]) -> bool:
    return inspect.isclass(thing) and thing in known


def api_index() -> str:
    """The packages."""
    rows = [[f"[{name}]({name}.md)", title] for name, title in PACKAGES.items()]
    entries = "\n".join(PACKAGES)
    return (
        "# Reference of Python names\n\n"
        + _table(["package", "what is in it"], rows)
        + f"\n\n```{{toctree}}\n:hidden:\n\n{entries}\n```\n"
    )


def recipe_page(folder: Path) -> str:
    """Every recipe of `docs/recipes`, under its title."""
    parts = [
        "# Recipes",
        "Whole analyses as TOML files: copy one, change the names of files, and give it to "
        "`spectra run`. They stand in `docs/recipes/`.",
    ]
    for path in sorted(folder.rglob("*.toml")):
        title = tomllib.loads(path.read_text("utf-8")).get("title", path.stem)
        place = path.relative_to(folder)
        parts += [f"## {place.with_suffix('')}", f"{title}"]
        parts.append(f"```{{literalinclude}} recipes/{place}\n:language: toml\n```")
    return "\n\n".join(parts) + "\n"


def _rst(text: str) -> str:
    return f"````{{eval-rst}}\n{text}\n````"


def _table(titles: list[str], rows: list[list[str]]) -> str:
    if any(len(row) != len(titles) for row in rows):
        raise ValueError(f"rows that do not fit the titles {titles}")
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
