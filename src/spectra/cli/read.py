"""``spectra read``: files into one NeXus file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    inputs: Annotated[list[str], typer.Argument(help="Files, folders or patterns.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The NeXus file to write.")],
    wavelength: Annotated[float | None, typer.Option(help="Wavelength (angstrom).")] = None,
    anode: Annotated[str | None, typer.Option(help="Anode of a laboratory tube, e.g. Cu.")] = None,
    format: Annotated[str | None, typer.Option(help="Name of the reader.")] = None,  # noqa: A002
    axis: Annotated[str | None, typer.Option(help="What positions are, e.g. raman_shift.")] = None,
    laser: Annotated[float | None, typer.Option(help="Laser line (nm) of Raman spectra.")] = None,
    poni: Annotated[str | None, typer.Option(help="pyFAI calibration, for images.")] = None,
    regrid: Annotated[
        bool | None,
        typer.Option(help="Interpolate frames on another axis (by default all but patterns)."),
    ] = None,
    signal: Annotated[str, typer.Option(help='Made of columns, e.g. "ln(i0/i1)".')] = "",
    energy: Annotated[str, typer.Option(help="Column of the photon energy.")] = "",
    entry: Annotated[
        list[str] | None,
        typer.Option(help="Names or patterns of spectra or regions."),
    ] = None,
) -> int:
    """Read patterns and write them as one NeXus file."""
    from spectra.cli.common import plain_warnings
    from spectra.nexus import write_file
    from spectra.progress import make_progress
    from spectra.readers import read
    from spectra.status import Status

    with plain_warnings():
        stack = read(
            list(inputs),
            format=format,
            wavelength=wavelength,
            anode=anode,
            axis=axis,
            laser=laser,
            poni=poni,
            regrid=regrid,
            signal=signal,
            energy=energy,
            entry=entry or (),
            progress=make_progress(None, "reading"),
        )
    write_file(output, stack)
    typer.echo(repr(stack))
    typer.echo(f"written to {output}")
    return 2 if (stack.status != Status.OK).any() else 0
