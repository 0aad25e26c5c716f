"""What may stand in the name of a file."""

from __future__ import annotations

import hashlib
import re

# File systems take 255 bytes, of which endings need some.
_MOST_BYTES = 100


def slug(text: str) -> str:
    """What may stand in a file name or an element's id; other characters become ``-``.

    A long text is cut, and told from others of the same beginning by its SHA-256.

    Examples
    --------
    >>> slug("../K3V5O14 <1>"), len(slug(300 * "x"))
    ('K3V5O14-1', 100)
    """
    made = re.sub(r"[^\w.]+", "-", text).strip("-.") or "unnamed"
    whole = made.encode()
    if len(whole) <= _MOST_BYTES:
        return made
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return f"{whole[: _MOST_BYTES - 9].decode(errors='ignore')}-{digest}"


def is_part_of_name(text: str) -> bool:
    """Whether a text may be part of a file's name as it is: visible, without slashes.

    Examples
    --------
    >>> is_part_of_name("cell 2"), is_part_of_name("a/b"), is_part_of_name(" ")
    (True, False, False)
    """
    return bool(text.strip()) and text.isprintable() and not set(text) & set("/\\")
