"""The command line: ``spectra read|show|run|resume|part|watch|batch|report|export|check|demo``.

Exit codes: 0 all well, 1 wrong use, 2 some frames failed, 3 a damaged file.
"""

from __future__ import annotations

import sys

import typer

from spectra.cli import batch, check, demo, export, part, read, report, resume, run, show, watch

app = typer.Typer(
    name="spectra",
    help="Diffraction and spectroscopy sequences into numbers a referee can trust.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


# Typer may carry a click of its own; wrong use is whatever its BadParameter derives from.
_UsageError: type[typer.BadParameter] = typer.BadParameter.__mro__[2]


def _version(value: bool) -> None:
    if value:
        import spectra

        typer.echo(f"spectra {spectra.__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version."
    ),
    debug: bool = typer.Option(False, "--debug", help="Show tracebacks."),
) -> None:
    pass


for module in (read, show, run, resume, part, watch, batch, report, export, check, demo):
    app.command(name=module.__name__.rsplit(".", 1)[-1])(module.command)


def main() -> None:
    """Run the command line; errors of ours become one line on stderr."""
    from spectra.errors import DamagedFileError, SpectraError

    try:
        code = app(standalone_mode=False)
    except DamagedFileError as error:
        code = _complain(error, 3)
    except SpectraError as error:
        code = _complain(error, 1)
    except _UsageError as error:
        error.show()
        code = 1
    except (KeyboardInterrupt, typer.Abort):
        sys.stderr.write("\nstopped; `spectra resume` goes on with what is finished\n")
        code = 1
    sys.exit(code if isinstance(code, int) else 0)


def _complain(error: Exception, code: int) -> int:
    if "--debug" in sys.argv:
        raise error
    notes = "".join(f"{note}\n" for note in getattr(error, "__notes__", ()))
    sys.stderr.write(f"spectra: {error}\n{notes}")
    return code
