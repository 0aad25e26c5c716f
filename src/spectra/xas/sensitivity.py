"""How much P/M of one's own spectra hangs on the choices behind it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from spectra.fit.uncertainty import point_sigma
from spectra.results import Column, Results, Table
from spectra.stack import Stack
from spectra.xas.preedge import PreEdge

FloatArray = NDArray[np.float64]

_FWHM_TO_SIGMA = 1.0 / (2.0 * np.sqrt(2.0 * np.log(2.0)))


def sensitivity(stack: Stack, method: PreEdge | None = None) -> Results:
    """Evaluate P/M again with other choices, one at a time.

    Parameters
    ----------
    stack : Stack
        Absorption over energy.
    method : PreEdge, optional
        The choices that are varied; by default those of `PreEdge`.

    Returns
    -------
    Results
        A table ``sensitivity`` with the dimension ``choice``: ``ratio`` with its uncertainty, and
        ``change``, the ratio over that of the method as given less 1. The choices: as given; the
        line 20 eV shorter at either end; the main window up to 10 eV above its lower end, and
        5 eV longer; 1 and 2 eV more resolution (fwhm of a Gaussian); and fluorescence from a thick
        sample in which the edge adds half as much absorption as all else does, or as much:
        μ' = μ(1 + a)/(1 + aμ), μ counted from the line over the main peak's height, a = 0.5, 1
        (J. Goulon et al., J. Phys. 43 (1982) 539). NaN where a choice leaves no local maximum.
    """
    method = method or PreEdge()
    first = method(stack)
    names, ratios, errors = [], [], []
    for name, way, spectra in _choices(stack.load(), method, first):
        found = first if way is method and spectra is None else way(spectra or stack)
        names.append(name)
        ratios.append(found["ratio"])
        errors.append(found["ratio_stderr"])
    ratio = np.stack(ratios, axis=1)
    columns = (
        Column("ratio", "", "P/M with the choice", ("choice",), stderr=True),
        Column("change", "", "P/M over that of the method as given, less 1", ("choice",)),
    )
    return Results(
        table=Table("sensitivity", columns, {"choice": {"name": np.array(names)}}, "change"),
        columns={
            "ratio": ratio,
            "ratio_stderr": np.stack(errors, axis=1),
            "change": ratio / ratio[:, :1] - 1.0,
        },
        status=first.status,
        messages=first.messages,
        names=first.names,
        variables=first.variables,
        attrs=first.attrs,
    )


def _choices(
    stack: Stack, method: PreEdge, first: Results
) -> Iterator[tuple[str, PreEdge, Stack | None]]:
    """Name, method and stack of each choice; None stands for the stack as given."""
    (low, high), (begin, end) = method.line, method.main
    yield "as given", method, None
    if high - low > 25.0:
        yield "line begins 20 eV later", replace(method, line=(low + 20.0, high)), None
        yield "line ends 20 eV earlier", replace(method, line=(low, high - 20.0)), None
    if end - begin > 10.0:
        yield f"main to {begin + 10.0:g} eV", replace(method, main=(begin, begin + 10.0)), None
    yield f"main to {end + 5.0:g} eV", replace(method, main=(begin, end + 5.0)), None
    for fwhm in (1.0, 2.0):
        yield f"resolution {fwhm:g} eV more", method, broaden(stack, fwhm)
    for strength in (0.5, 1.0):
        yield (
            f"over-absorption {strength:g}",
            method,
            _over_absorbed(stack, method, first, strength),
        )


def broaden(stack: Stack, fwhm: float) -> Stack:
    """Convolve the spectra of a stack with a Gaussian; uncertainties are carried along.

    Points that were not measured stay so, and their neighbours do without them.
    """
    x, y = stack.x, np.asarray(stack.signal)
    kernel = np.exp(-0.5 * ((x[:, None] - x) / (fwhm * _FWHM_TO_SIGMA)) ** 2) * np.gradient(x)
    known = np.isfinite(y)
    share = np.where(known, known @ kernel.T, np.nan)
    broad = np.where(known, y, 0.0) @ kernel.T / share
    if stack.noise == "unknown":
        return replace(stack, signal=broad, errors=None)
    given = None if stack.errors is None else np.asarray(stack.errors)
    own = point_sigma(y, given, stack.noise)
    variance = np.where(known, own**2, 0.0) @ (kernel**2).T
    return replace(stack, signal=broad, errors=np.sqrt(variance) / share, noise="given")


def _over_absorbed(stack: Stack, method: PreEdge, first: Results, strength: float) -> Stack:
    """The spectra as a thick sample's fluorescence would show them."""
    x, y = stack.x, np.asarray(stack.signal)
    use = (x >= method.line[0]) & (x <= method.line[1])
    known = np.isfinite(y[:, use])
    part, count = np.where(known, y[:, use], 0.0), np.maximum(known.sum(axis=1), 1)[:, None]
    middle = (known @ x[use])[:, None] / count
    lever = known * (x[use] - middle)
    square = np.maximum((lever**2).sum(axis=1), np.finfo(float).tiny)
    tilt = ((lever * part).sum(axis=1) / square)[:, None]
    base = part.sum(axis=1, keepdims=True) / count + tilt * (x - middle)
    height = first["main_height"][:, None]
    share = (y - base) / height
    slope = (1.0 + strength) / (1.0 + strength * share)
    errors = None
    if stack.errors is not None:
        errors = np.asarray(stack.errors) * slope**2 / (1.0 + strength)
    return replace(stack, signal=base + height * share * slope, errors=errors)
