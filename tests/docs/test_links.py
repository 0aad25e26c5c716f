"""Links between pages lead somewhere: files that exist, headings that stand in them."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from conftest import ROOT

sys.path.insert(0, str(ROOT / "docs" / "_ext"))
from narratives import anchor

sys.path.pop(0)

GENERATED = ("docs/methods/", "docs/api/", "docs/recipes_listed.md")
FOLDERS = ("*.md", "docs/**/*.md", "reference_patterns/**/*.md")
WRITTEN = [
    p
    for pattern in FOLDERS
    for p in ROOT.glob(pattern)
    if not p.relative_to(ROOT).as_posix().startswith((*GENERATED, "docs/_build"))
]


def links_of(text: str) -> list[str]:
    prose = re.sub(r"^(`{3,}|:{3,}).*?^\1", "", text, flags=re.M | re.S)
    return re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", prose))


def broken(page: Path, link: str) -> str:
    """Why a link leads nowhere; empty if it does not."""
    name, _, heading = link.partition("#")
    target = (page.parent / name).resolve() if name else page
    place = target.relative_to(ROOT).as_posix() if target.is_relative_to(ROOT) else ""
    if not place:
        return "leads out of the repository"
    if place.startswith(GENERATED):
        return ""
    if not target.exists():
        return "there is no such file"
    if heading and heading not in map(anchor, re.findall(r"^#+ (.+)$", target.read_text(), re.M)):
        return "there is no such heading"
    return ""


@pytest.mark.parametrize("page", WRITTEN, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page):
    links = [link for link in links_of(page.read_text("utf-8")) if "://" not in link]
    assert {link: why for link in links if (why := broken(page, link))} == {}


def test_broken_links_are_seen(tmp_path):
    page = ROOT / "docs" / "index.md"
    assert broken(page, "no_such_page.md")
    assert broken(page, "xps.md#no-such-heading")
    assert broken(page, "../../etc/passwd")
    assert not broken(page, "xps.md#accuracy")
    assert links_of("a [b](c.md) `[d](e.md)`\n```\n[f](g.md)\n```\n") == ["c.md"]
