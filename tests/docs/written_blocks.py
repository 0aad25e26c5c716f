"""What a page shows to be run: Python, recipes and commands, in the order of the page."""

from __future__ import annotations

import re
from dataclasses import dataclass

_FENCED = r"^```(?P<language>python|toml|sh)\n(?P<fenced>(?s:.*?))^```"
_INDENTED = r"(?<=\n\n)(?P<indented>(?:^    .*\n(?:^\n(?=    ))?)+)"
_BLOCKS = re.compile(rf"{_FENCED}|^```(?s:.*?)^```|{_INDENTED}", re.M)
_COMMAND = re.compile(r"(spectra|pip install|sh scripts/\S+|scripts/\S+)( |$)")
_NAMED = re.compile(r"# ([\w/]+\.toml)\n")


@dataclass(frozen=True)
class Block:
    """A piece of a page: `kind` is python, toml or sh."""

    kind: str
    text: str

    @property
    def name(self) -> str:
        """The file that a recipe or sheet says it is, in its first line; else empty."""
        found = _NAMED.match(self.text)
        return found[1] if found and self.kind == "toml" else ""

    @property
    def commands(self) -> list[str]:
        """Commands of a shell block, continued lines joined."""
        lines = self.text.replace("\\\n", " ").splitlines()
        return [line.strip() for line in lines if _COMMAND.match(line.strip())]


def blocks_of(text: str) -> list[Block]:
    """The blocks of a page; indented ones that hold no command are none."""
    blocks = []
    for found in _BLOCKS.finditer(text):
        if found["language"]:
            blocks.append(Block(found["language"], found["fenced"]))
        elif found["indented"]:
            block = Block("sh", found["indented"])
            blocks += [block] if block.commands else []
    return blocks
