"""``python -m spectra``: the command line where its program is not on the path."""

from spectra.cli import main

if __name__ == "__main__":
    main()
