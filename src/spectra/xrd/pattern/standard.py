"""Keep the instrument that a standard was refined with."""

from __future__ import annotations

import numpy as np

from spectra.errors import ResultsError
from spectra.results import Results
from spectra.xrd.profile.instrument import REFINABLE, Instrument


def instrument_of(results: Results, frame: int = 0) -> Instrument:
    """The instrument with the values that were refined from a standard.

    `spectra.xrd.profile.instrument.write_instrument` keeps it in a file, which the setting
    `instrument` of later refinements reads.

    Parameters
    ----------
    results : Results
        Of `Rietveld`, `LeBail` or `Pawley` on a standard, with `profile` or ``zero`` refined.
    frame : int

    Returns
    -------
    Instrument
        With the covariance of the refined values.

    Raises
    ------
    ResultsError
        If the results are of another kind, the frame was not refined, or no value of the
        instrument was.
    """
    if results.table.name != "pattern" or "measurement" not in results.attrs:
        raise ResultsError(
            f"an instrument comes from a refined pattern, not from {results.table.name!r}; "
            "refine a standard with xrd.Rietveld"
        )
    before = Instrument.from_plain(results.attrs["measurement"]["instrument"])
    names = results.table.coords["refined"]["name"].tolist()
    chosen = [n for n in REFINABLE if n in names]
    if not chosen:
        raise ResultsError(
            "no value of the instrument was refined; give e.g. profile=('u', 'v', 'w')"
        )
    at = np.array([names.index(n) for n in chosen])
    values = results["value"][frame, at]
    covariance = results["value_cov"][frame][at[:, None], at]
    if not (np.isfinite(values).all() and np.isfinite(covariance).all()):
        raise ResultsError(
            f"frame {frame} ({results.names[frame]}): {', '.join(chosen)} not determined; "
            f"{results.messages[frame] or 'hold what the pattern does not fix'}"
        )
    phases = ", ".join(results.table.coords["phase"]["name"].tolist())
    return before.refined_to(
        dict(zip(chosen, values.tolist(), strict=True)),
        covariance.astype(float),
        source=f"{phases}, {results.names[frame]}",
    )
