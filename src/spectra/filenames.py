"""What may stand in the name of a file."""

from __future__ import annotations

import re


def slug(text: str) -> str:
    """What may stand in a file name or an element's id; other characters become ``-``.

    Examples
    --------
    >>> slug("../K3V5O14 <1>")
    'K3V5O14-1'
    """
    return re.sub(r"[^\w.]+", "-", text).strip("-.") or "unnamed"
