"""Results as other libraries and notebooks show them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from spectra.notation import with_uncertainty
from spectra.status import Status

if TYPE_CHECKING:
    import matplotlib.axes
    import pandas
    import xarray

    from spectra.results import Column, Results

# Frames, and entries of a dimension, that a notebook shows.
_MOST_SHOWN = 20
_MOST_LABELS = 12


def to_xarray(results: Results) -> xarray.Dataset:
    """All columns as an `xarray.Dataset` with dimension ``frame`` first."""
    import xarray as xr

    data: dict[str, Any] = {
        c.name: (
            ("frame", *_unique_dims(c.dims)),
            results.columns[c.name],
            {"units": c.unit, "long_name": c.meaning},
        )
        for c in results.table.all_columns()
    }
    data["status"] = ("frame", results.status)
    data["message"] = ("frame", np.array(results.messages, dtype=object))
    coords: dict[str, Any] = {"name": ("frame", np.array(results.names, dtype=object))}
    coords |= {k: ("frame", v.values, {"units": v.unit}) for k, v in results.variables.items()}
    for dim, labels in results.table.coords.items():
        coords |= {f"{dim}_{k}": (dim, np.asarray(v)) for k, v in labels.items()}
    return xr.Dataset(data, coords)


def to_dataframe(results: Results) -> pandas.DataFrame:
    """One row per frame; further dimensions become columns named ``name[label]``.

    Columns of more than one further dimension (covariances) are left to `to_xarray`.
    """
    import pandas as pd

    data: dict[str, Any] = {"name": list(results.names)}
    data |= {k: v.values for k, v in results.variables.items()}
    data["status"] = [Status(s).label for s in results.status]
    data["message"] = list(results.messages)
    for column in results.table.all_columns():
        values = results.columns[column.name]
        if not column.dims:
            data[column.name] = values
        elif len(column.dims) == 1:
            labels = next(iter(results.table.coords[column.dims[0]].values()))
            data |= {f"{column.name}[{lb}]": values[:, i] for i, lb in enumerate(labels)}
    return pd.DataFrame(data)


def plot(
    results: Results, column: str = "", *, against: str = "", ax: matplotlib.axes.Axes | None = None
) -> matplotlib.axes.Axes:
    """Plot one column with error bars against the frame number or a variable."""
    import matplotlib.pyplot as plt

    ax = ax if ax is not None else plt.subplots()[1]
    name = column or results.table.default or results.table.columns[0].name
    spec = results.table.column(name)
    y = results.column(name).reshape(results.n_frames, -1)
    dy = results.columns.get(f"{name}_stderr")
    x = results.variables[against].values if against else np.arange(results.n_frames)
    labels = _labels(results, spec)
    for i in range(y.shape[1]):
        yerr = None if dy is None else dy.reshape(results.n_frames, -1)[:, i]
        label = labels[i] if labels else None
        ax.errorbar(x, y[:, i], yerr=yerr, fmt="o", ms=3, lw=0.8, capsize=2, label=label)
    if 1 < len(labels) <= _MOST_LABELS:
        ax.legend()
    unit = results.variables[against].unit if against else ""
    ax.set_xlabel(f"{against} ({unit})" if unit else against or "frame")
    ax.set_ylabel(f"{name} ({spec.unit})" if spec.unit else name)
    return ax


def to_html(results: Results) -> str:
    """The first frames, values with their uncertainties; wide columns are left out."""
    from html import escape

    import pandas as pd

    first = results[:_MOST_SHOWN]
    data: dict[str, Any] = {"name": list(first.names)}
    data |= {k: [f"{x:.6g}" for x in v.values.tolist()] for k, v in first.variables.items()}
    data["status"] = [Status(s).label for s in first.status]
    left = []
    for column in results.table.columns:
        labels = _labels(results, column)
        wide = len(column.dims) > 1 or len(labels) > _MOST_LABELS
        if wide and (len(column.dims) > 1 or column.name != results.table.default):
            left.append(column.name)
            continue
        values, errors = first.columns[column.name], first.columns.get(f"{column.name}_stderr")
        for i, label in enumerate(labels[:_MOST_LABELS] or [""]):
            at = (slice(None), i) if labels else slice(None)
            own = None if errors is None else errors[at]
            data[f"{column.name}[{label}]" if labels else column.name] = _told(values[at], own)
    head = f"<p>{escape(repr(results))}</p>"
    more = f"<p>Not shown: {escape(', '.join(left))}.</p>" if left else ""
    return head + str(pd.DataFrame(data).to_html()) + more


def _labels(results: Results, column: Column) -> list[str]:
    """What the entries of a column of one further dimension are called."""
    if len(column.dims) != 1:
        return []
    return [str(v) for v in next(iter(results.table.coords[column.dims[0]].values()))]


def _told(values: NDArray[Any], errors: NDArray[Any] | None) -> list[str]:
    """Values as they are read, with their uncertainties in brackets."""
    if errors is not None:
        pairs = zip(values.tolist(), errors.tolist(), strict=True)
        return [with_uncertainty(v, e) for v, e in pairs]
    return [f"{v:.6g}" if isinstance(v, float) else str(v) for v in values.tolist()]


def _unique_dims(dims: tuple[str, ...]) -> tuple[str, ...]:
    """Name a repeated dimension (a covariance's second axis) differently, for xarray."""
    return tuple(d if d not in dims[:i] else f"{d}_2" for i, d in enumerate(dims))
