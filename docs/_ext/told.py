"""What the guides tell of each method, taken out of them for its page: accuracy and limits."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from narratives import anchor, led_to_pages

_HEADING = re.compile(r"^(#+) (.+)$")
# Rows of a table that are shown at once; a longer one is folded.
_LONG = 16


@dataclass(frozen=True)
class Told:
    """What `told.toml` says of a method.

    Attributes
    ----------
    equation, where, no_equation : str
        In LaTeX, with the meaning of its letters; or why there is none.
    accuracy, limits : tuple of str
        Parts of pages, as `Part.of` takes them.
    """

    equation: str = ""
    where: str = ""
    no_equation: str = ""
    accuracy: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()


@dataclass(frozen=True)
class Part:
    """A section of a page, or what of it matches a pattern.

    Attributes
    ----------
    page, title, heading, slug : str
        The page's file and title, the section's heading and anchor.
    text : str
        In Markdown, as it stands in a page of a folder beside the guides.
    """

    page: str
    title: str
    heading: str
    slug: str
    text: str

    @classmethod
    def of(cls, docs: Path, named: str) -> Part:
        """Take a part out of the page: ``"page#anchor"`` or ``"page#anchor|pattern"``.

        Raises
        ------
        ValueError
            If there is no such section, or nothing in it matches.
        """
        place, _, pattern = named.partition("|")
        name, _, slug = place.partition("#")
        lines = (docs / f"{name}.md").read_text("utf-8").splitlines()
        heading, section = _section(lines, slug)
        blocks = [b for b in _blocks(section) if not pattern or re.search(pattern, b, re.M)]
        shown = [_folded(_matching(b, pattern)) for b in blocks]
        text = _relocated("\n\n".join(b for b in shown if b), f"{name}.md")
        # Items of one list stay together.
        text = re.sub(r"(?<=\n)(- (?:.+\n)+)\n(?=- )", r"\1", f"\n{text}\n").strip("\n")
        if not text:
            raise ValueError(f"docs/_ext/told.toml: {named!r} finds nothing in docs/{name}.md")
        title = next(m[2] for m in map(_HEADING.match, lines) if m)
        return cls(f"{name}.md", title, heading, slug, text)


def read_told(docs: Path) -> dict[str, Told]:
    """What `told.toml` says, by the names of methods."""
    data = tomllib.loads((docs / "_ext" / "told.toml").read_text("utf-8"))
    return {
        name: Told(**{k: tuple(v) if isinstance(v, list) else v for k, v in said.items()})
        for name, said in data.items()
    }


def _section(lines: list[str], slug: str) -> tuple[str, list[str]]:
    """Heading and lines of a section, up to the next heading of its level or a closing mark."""
    fenced, level, heading, kept = False, 0, "", []
    for line in lines:
        fenced ^= line.startswith("```")
        found = None if fenced else _HEADING.match(line)
        if level and ((found and len(found[1]) <= level) or line.startswith("<!-- end of")):
            break
        if level:
            kept.append(line)
        elif found and anchor(found[2]) == slug:
            level, heading = len(found[1]), found[2]
    if not level:
        raise ValueError(f"docs/_ext/told.toml: no page has the section {slug!r} that it names")
    return heading, kept


def _blocks(lines: list[str]) -> list[str]:
    """Paragraphs, items of lists and tables; no code, headings or remarks of the source."""
    text = re.sub(r"^```.*?^```$", "", "\n".join(lines), flags=re.M | re.S)
    text = re.sub(r"(?s:<!--.*?-->)|^#+ .+$", "", text, flags=re.M)
    parts = []
    for block in re.split(r"\n\s*\n", text):
        items = re.split(r"\n(?=- )", block.strip("\n"))
        parts += [_filled(b) for b in items if b.strip()]
    return parts


def _is_table(block: str) -> bool:
    return re.match(r"\|.*\n\|[-:| ]+(\n|$)", block) is not None


def _filled(block: str) -> str:
    """A table whose empty first cells repeat what stands above them."""
    if not _is_table(block):
        return block
    rows, above = block.splitlines(), ""
    for i, row in enumerate(rows[2:], 2):
        first, rest = row[1:].split("|", 1)
        above = first.strip() or above
        rows[i] = f"| {above} |{rest}"
    return "\n".join(rows)


def _matching(block: str, pattern: str) -> str:
    """A table with the rows that match; anything else as it is."""
    if not pattern or not _is_table(block):
        return block
    head, line, *rows = block.splitlines()
    kept = [row for row in rows if re.search(pattern, row)]
    return "\n".join([head, line, *kept]) if kept else ""


def _folded(block: str) -> str:
    rows = block.count("\n") - 1
    if not _is_table(block) or rows <= _LONG:
        return block
    titles = ", ".join(t for t in map(str.strip, block.split("\n")[0].split("|")) if t)
    return f":::{{dropdown}} {rows} rows: {titles}\n{block}\n:::"


def _relocated(block: str, page: str) -> str:
    """Links as they lead from a folder beside the guides."""
    block = re.sub(r"\]\(#", f"]({page}#", led_to_pages(block))
    return re.sub(r"\]\((?!\w+://)", "](../", block)
