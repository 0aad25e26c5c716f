"""``spectra check``: prove that files are whole."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    files: Annotated[list[Path], typer.Argument(help="Files that spectra wrote.")],
) -> int:
    """Check files against their checksums."""
    from spectra.errors import DamagedFileError, ReaderError
    from spectra.integrity import verify

    code = 0
    for path in files:
        try:
            digest = verify(path)
        except DamagedFileError as error:
            typer.echo(f"DAMAGED {error}")
            code = 3
        except ReaderError as error:
            typer.echo(f"NOT OURS {error}")
            code = max(code, 1)
        else:
            typer.echo(f"ok {path} (SHA-256 {digest[:16]}…)")
    return code
