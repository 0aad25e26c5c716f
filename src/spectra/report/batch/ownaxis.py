"""The axis of a sample that has no place on that of its batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from spectra.commonaxis import in_unit
from spectra.headlines import Headline
from spectra.report.select import PREFERRED, abscissae
from spectra.results import Record
from spectra.summary import Summary
from spectra.units import is_convertible


def of_sample(summary: Summary, sample: str, records: Mapping[str, Record]) -> Summary:
    """The part of a summary that is one sample's, with an axis on which it has a place.

    A batch over temperatures may hold a sample that was charged: its frames stand where its
    longest sequence does, over time for example, or over their numbers.

    Parameters
    ----------
    summary : Summary
    sample : str
    records : mapping of measurement to Record
        Its results.
    """
    own = replace(summary, headlines=summary.of(sample))
    if any(np.isfinite(h.at).any() for h in own.headlines):
        return own
    told = [records[h.measurement].steps[h.step] for h in own.headlines]
    # Lines that nobody has indexed are results without headlines.
    told = told or [results for record in records.values() for results in record.steps.values()]
    if not told or (not own.headlines and any(summary.axis in r.variables for r in told)):
        return own
    results = max(told, key=len)
    # Others may be what a program wrote down of its own work.
    name = next((a.name for a in abscissae(results) if a.name in PREFERRED), "")
    unit = results.variables[name].unit if name else ""
    moved = tuple(_moved(h, name, unit, records) for h in own.headlines)
    return replace(own, headlines=moved, axis=name, axis_unit=unit)


def _moved(headline: Headline, axis: str, unit: str, records: Mapping[str, Record]) -> Headline:
    """A headline with its places on another axis, as far as it has them in such a unit."""
    variables = records[headline.measurement].steps[headline.step].variables
    if axis not in variables:
        return headline
    variable = variables[axis]
    alike = variable.unit == unit or is_convertible(variable.unit, unit)
    return replace(headline, at=in_unit(variable, unit)) if alike else headline
