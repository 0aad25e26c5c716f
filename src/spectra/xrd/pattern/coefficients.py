"""How functions of a sequence are judged and told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.fit.joint import Common, Joint, Problem
from spectra.fit.uncertainty import misfit_scale
from spectra.results import Column, Table
from spectra.xrd.pattern.subject import Function

FloatArray = NDArray[np.float64]


def judge_functions(
    problem: Problem, joint: Joint, alone: FloatArray
) -> tuple[FloatArray, dict[str, Any]]:
    """How well the functions describe the frames: covariance and figures.

    What χ² of all frames loses by the functions is itself a χ², with as many degrees of freedom
    as there are values less coefficients; where it is improbable, the functions are too simple
    and their covariance is widened as in `misfit_scale`.
    """
    loss = float(np.maximum(((joint.cost - alone) / problem.scale).sum(), 0.0))
    determined = int(np.isfinite(np.diagonal(joint.covariance)).sum())
    dof = int(problem.on.sum()) - determined
    widening = float(misfit_scale(np.array(loss), np.array(dof), absolute=True))
    figures = {
        "chi2": loss,
        "dof": dof,
        "scaled": float(np.sqrt(widening)),
        "left": joint.left,
        "converged": joint.converged,
    }
    return joint.covariance * widening, figures


def describe_functions(
    common: Common[Function],
    texts: list[str],
    names: tuple[str, ...],
    beta: FloatArray,
    covariance: FloatArray,
) -> dict[str, Any]:
    """Tell the functions as plain data.

    Parameters
    ----------
    common : Common
    texts : list of str
        As the settings name them.
    names : tuple of str
        Of all parameters of a frame.
    beta, covariance : array (K,), (K, K)

    Returns
    -------
    dict
        ``functions`` with their coefficients, and ``function_covariance`` of all of these.
    """
    with np.errstate(invalid="ignore"):
        stderr = np.sqrt(np.diagonal(covariance))
    told = []
    for function, column, text, part in zip(
        common.functions, common.columns.tolist(), texts, common.parts, strict=True
    ):
        told.append(
            {
                "parameter": names[column],
                "function": text,
                **_constants(function),
                "coefficients": [
                    {"name": c.name, "unit": c.unit, "meaning": c.meaning, "value": v, "stderr": s}
                    for c, v, s in zip(
                        function.coefficients,
                        beta[part].tolist(),
                        _plain(stderr[part]),
                        strict=True,
                    )
                ],
            }
        )
    return {"functions": told, "function_covariance": [_plain(row) for row in covariance]}


def _constants(function: Function) -> dict[str, Any]:
    """What is fixed in a function: origin or knots."""
    found = {name: getattr(function, name, None) for name in ("origin", "knots")}
    return {k: list(v) if isinstance(v, tuple) else v for k, v in found.items() if v is not None}


def _plain(values: FloatArray) -> list[float | None]:
    """Numbers as JSON can hold them: None where not determined."""
    return [v if np.isfinite(v) else None for v in values.tolist()]


def table_with_functions(table: Table, names: list[str], texts: list[str]) -> Table:
    """Declare the table of patterns, with what each frame by itself gave for the functions."""
    column = Column(
        "free_value", "", "parameter as the frame by itself has it", ("function",), stderr=True
    )
    coords = {**table.coords, "function": {"name": np.array(names), "function": np.array(texts)}}
    return replace(table, columns=(*table.columns, column), coords=coords)
