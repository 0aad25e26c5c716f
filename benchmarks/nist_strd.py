"""NIST's certified nonlinear regressions, all 27 from both starts, as batches of two.

    python -m benchmarks.nist_strd [folder]

Prints certified digits of the parameters and of their standard errors (log relative error), for
`fit_stack` and, on the same problems, for `lmfit` by default.
"""

from __future__ import annotations

import os
import re
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spectra.fit import fit_stack
from spectra.status import Status

exp, cos, sin, pi = np.exp, np.cos, np.sin, np.pi


def bennett5(x, b1, b2, b3):
    return b1 * (b2 + x) ** (-1 / b3)


def box_bod(x, b1, b2):
    return b1 * (1 - exp(-b2 * x))


def chwirut(x, b1, b2, b3):
    return exp(-b1 * x) / (b2 + b3 * x)


def danwood(x, b1, b2):
    return b1 * x**b2


def enso(x, b1, b2, b3, b4, b5, b6, b7, b8, b9):
    year = b1 + b2 * cos(2 * pi * x / 12) + b3 * sin(2 * pi * x / 12)
    second = b5 * cos(2 * pi * x / b4) + b6 * sin(2 * pi * x / b4)
    return year + second + b8 * cos(2 * pi * x / b7) + b9 * sin(2 * pi * x / b7)


def eckerle4(x, b1, b2, b3):
    return (b1 / b2) * exp(-0.5 * ((x - b3) / b2) ** 2)


def gauss(x, b1, b2, b3, b4, b5, b6, b7, b8):
    peaks = b3 * exp(-((x - b4) ** 2) / b5**2) + b6 * exp(-((x - b7) ** 2) / b8**2)
    return b1 * exp(-b2 * x) + peaks


def cubic_ratio(x, b1, b2, b3, b4, b5, b6, b7):
    return (b1 + b2 * x + b3 * x**2 + b4 * x**3) / (1 + b5 * x + b6 * x**2 + b7 * x**3)


def kirby2(x, b1, b2, b3, b4, b5):
    return (b1 + b2 * x + b3 * x**2) / (1 + b4 * x + b5 * x**2)


def lanczos(x, b1, b2, b3, b4, b5, b6):
    return b1 * exp(-b2 * x) + b3 * exp(-b4 * x) + b5 * exp(-b6 * x)


def mgh09(x, b1, b2, b3, b4):
    return b1 * (x**2 + x * b2) / (x**2 + x * b3 + b4)


def mgh10(x, b1, b2, b3):
    return b1 * exp(b2 / (x + b3))


def mgh17(x, b1, b2, b3, b4, b5):
    return b1 + b2 * exp(-x * b4) + b3 * exp(-x * b5)


def misra1b(x, b1, b2):
    return b1 * (1 - (1 + b2 * x / 2) ** (-2))


def misra1c(x, b1, b2):
    return b1 * (1 - (1 + 2 * b2 * x) ** (-0.5))


def misra1d(x, b1, b2):
    return b1 * b2 * x * ((1 + b2 * x) ** (-1))


def rat42(x, b1, b2, b3):
    return b1 / (1 + exp(b2 - b3 * x))


def rat43(x, b1, b2, b3, b4):
    return b1 / ((1 + exp(b2 - b3 * x)) ** (1 / b4))


def roszman1(x, b1, b2, b3, b4):
    return b1 - b2 * x - np.arctan(b3 / (x - b4)) / pi


def nelson(predictors: np.ndarray) -> Callable[..., np.ndarray]:
    """Its two predictors are looked up by the number of the observation."""
    x1, x2 = predictors

    def function(x, b1, b2, b3):
        number = x.astype(int)
        return b1 - b2 * x1[number] * exp(-b3 * x2[number])

    return function


FUNCTIONS: dict[str, Callable[..., np.ndarray]] = {
    "Bennett5": bennett5,
    "BoxBOD": box_bod,
    "Chwirut1": chwirut,
    "Chwirut2": chwirut,
    "DanWood": danwood,
    "ENSO": enso,
    "Eckerle4": eckerle4,
    "Gauss1": gauss,
    "Gauss2": gauss,
    "Gauss3": gauss,
    "Hahn1": cubic_ratio,
    "Kirby2": kirby2,
    "Lanczos1": lanczos,
    "Lanczos2": lanczos,
    "Lanczos3": lanczos,
    "MGH09": mgh09,
    "MGH10": mgh10,
    "MGH17": mgh17,
    "Misra1a": box_bod,
    "Misra1b": misra1b,
    "Misra1c": misra1c,
    "Misra1d": misra1d,
    "Rat42": rat42,
    "Rat43": rat43,
    "Roszman1": roszman1,
    "Thurber": cubic_ratio,
}
NAMES = sorted([*FUNCTIONS, "Nelson"])


@dataclass(frozen=True)
class Certified:
    """A problem with its certified answer."""

    name: str
    function: Callable[..., np.ndarray]
    x: np.ndarray
    y: np.ndarray
    starts: np.ndarray
    values: np.ndarray
    errors: np.ndarray

    @property
    def parameter_names(self) -> list[str]:
        return [f"b{i + 1}" for i in range(len(self.values))]


def read_problem(path: Path) -> Certified:
    """Read a file of the Statistical Reference Datasets."""
    lines = path.read_text().splitlines()
    rows = [re.match(r"\s*b\d+\s*=\s*(.*)", line) for line in lines]
    table = np.array([[float(v) for v in m.group(1).split()] for m in rows if m])
    first = max(i for i, line in enumerate(lines) if line.startswith("Data:")) + 1
    data = np.array([[float(v) for v in line.split()] for line in lines[first:] if line.strip()])
    name = path.stem
    if name == "Nelson":
        x, y = np.arange(len(data), dtype=float), np.log(data[:, 0])
        function = nelson(data[:, 1:].T)
    else:
        x, y, function = data[:, 1], data[:, 0], FUNCTIONS[name]
    return Certified(name, function, x, y, table[:, :2].T, table[:, 2], table[:, 3])


def digits(found: np.ndarray, certified: np.ndarray) -> float:
    """Least number of right digits (log relative error), at most 11."""
    with np.errstate(all="ignore"):
        error = np.abs(found - certified) / np.abs(certified)
        least = np.min(-np.log10(np.maximum(error, 1e-11)))
    return float(least) if np.isfinite(least) else 0.0


def solve(problem: Certified) -> list[tuple[float, float, Status]]:
    """Digits of parameters and of standard errors, and status, from both starts."""
    import lmfit

    model = lmfit.Model(problem.function)
    params = model.make_params(**dict(zip(problem.parameter_names, problem.starts[1], strict=True)))
    starts = dict(zip(problem.parameter_names, problem.starts.T, strict=True))
    both = np.tile(problem.y, (2, 1))
    fits = fit_stack(model, params, problem.x, both, starts=starts, tolerance=1e-20)
    return [
        (
            digits(fits.values[i], problem.values),
            digits(fits.stderr[i], problem.errors),
            Status(int(fits.status[i])),
        )
        for i in range(2)
    ]


def solve_with_lmfit(problem: Certified) -> list[float]:
    """Digits of parameters from both starts by `lmfit` as it comes."""
    import lmfit

    model = lmfit.Model(problem.function)
    found = []
    for start in problem.starts:
        params = model.make_params(**dict(zip(problem.parameter_names, start, strict=True)))
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                result = model.fit(problem.y, params, x=problem.x)
            values = np.array([result.params[n].value for n in problem.parameter_names])
            found.append(digits(values, problem.values))
        except (ValueError, RuntimeError):
            found.append(0.0)
    return found


def main() -> None:
    default = os.environ.get("SPECTRA_DATA", "../shared/data")
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else default) / "nist_strd"
    print(f"{'problem':10s} start  digits  stderr  status          lmfit")
    ours, errors, peer = [], [], []
    for name in NAMES:
        problem = read_problem(folder / f"{name}.dat")
        for i, (row, theirs) in enumerate(
            zip(solve(problem), solve_with_lmfit(problem), strict=True)
        ):
            ours.append(row[0])
            errors.append(row[1])
            peer.append(theirs)
            print(
                f"{name:10s}   {i + 1}    {row[0]:5.1f}   {row[1]:5.1f}  "
                f"{row[2].name.lower():14s} {theirs:5.1f}"
            )
    a, e, p = np.array(ours), np.array(errors), np.array(peer)
    print(
        f"spectra: {(a >= 6).sum()} of {a.size} to 6 digits, {(a >= 8).sum()} to 8; "
        f"standard errors {(e >= 4).sum()} to 4 digits"
    )
    print(f"lmfit by default: {(p >= 6).sum()} of {p.size} to 6 digits, {(p >= 8).sum()} to 8")


if __name__ == "__main__":
    main()
