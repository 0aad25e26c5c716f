"""The pages that people wrote: what they mention, and where they tell how exact a method is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

MEASURED = re.compile(
    r"accuracy|against|measured|limits|not determined|can resolve|cancels|uncertainty", re.I
)

# Links that lead to folders and files of the repository, and the pages that show these.
SHOWN_BY = {
    "](../reference_patterns/xps/README.md": "](sets_of_binding_energies.md",
    "](../reference_patterns/xanes/README.md": "](sets_of_edges.md",
    "](recipes/everything)": "](recipes_listed.md)",
    "](recipes/everything/)": "](recipes_listed.md)",
    "](recipes)": "](recipes_listed.md)",
    "](recipes/)": "](recipes_listed.md)",
}


def led_to_pages(text: str) -> str:
    """A guide whose links into the repository lead to pages of the site."""
    for link, page in SHOWN_BY.items():
        text = text.replace(link, page)
    return text


@dataclass(frozen=True)
class Narrative:
    """One Markdown page of `docs/`."""

    file: str
    title: str
    text: str
    headings: tuple[str, ...]

    def mentions(self, method: str) -> bool:
        """Whether the page names the method, such as ``xrd.Peaks``."""
        technique, name = method.split(".")
        told = rf"\b{technique}\.{name}\b"
        if technique in self.text:
            told += rf"|`{name}\b[^`]*`|\b{name}\("
        return re.search(told, self.text) is not None

    def measured(self) -> list[tuple[str, str]]:
        """Titles and anchors of the sections that tell accuracy and limits."""
        return [(h, anchor(h)) for h in self.headings if MEASURED.search(h)]


def anchor(heading: str) -> str:
    """The anchor of a heading, by GitHub's rule, which MyST follows."""
    kept = re.sub(r"[^\w\- ]", "", heading.strip().lower().replace("`", ""))
    return kept.replace(" ", "-")


def read_narratives(docs: Path) -> list[Narrative]:
    """All pages of the folder itself but the generated ones and the index."""
    pages = []
    for path in sorted(docs.glob("*.md")):
        if path.stem in ("index", "guides", "recipes_listed", "file_formats"):
            continue
        text = path.read_text("utf-8")
        plain = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
        headings = re.findall(r"^#{1,3} (.+)$", plain, flags=re.M)
        title, *others = headings or [path.stem]
        pages.append(Narrative(path.name, title, text, tuple(others)))
    return pages
