"""Sequences whose functions are known, and how true their stated uncertainties are."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from calibrated import Calibration
from simulated_sequences import TRUE, expected, method, model_of, stack_of, theta_of

from spectra.stack import Stack, Variable
from spectra.xrd.pattern.function_names import make_function
from spectra.xrd.pattern.parametric import Parametric
from spectra.xrd.pattern.plan import PatternPlan
from spectra.xrd.pattern.rietveld import Rietveld
from spectra.xrd.pattern.subject import Subject

X = np.arange(20.0, 70.0, 0.1)
T = np.linspace(30.0, 570.0, 10)
U_ISO = "LaB6.La1.u_iso"


@dataclass(frozen=True)
class Case:
    """A parameter that follows a function.

    Attributes
    ----------
    parameter, text : str
        As `Parametric` has them.
    beta : tuple of float
        True coefficients.
    counts : float
        Intensity over that of `TRUE`.
    """

    parameter: str
    text: str
    beta: tuple[float, ...]
    counts: float = 1.0

    @property
    def truth(self) -> np.ndarray:
        """The parameter in every frame."""
        unit = "angstrom^2" if self.parameter == U_ISO else "angstrom"
        subject = Subject(self.parameter, unit, "temperature", "K")
        return make_function(self.text, subject, T).evaluate(T, np.array(self.beta))[0]


CASES = {
    "polynomial": Case("LaB6.a", "polynomial 2", (4.157, 4e-5, 2e-8)),
    "spline": Case("LaB6.a", "spline 3", (4.150, 4.152, 4.157, 4.165, 4.170)),
    "expansion, Einstein": Case("LaB6.a", "einstein", (4.15, 1.5e-5, 400.0)),
    "expansion, Debye": Case("LaB6.a", "debye", (4.15, 1.5e-5, 500.0)),
    "expansion, Einstein, a tenth of the counts": Case(
        "LaB6.a", "einstein", (4.15, 1.5e-5, 400.0), 0.1
    ),
    "sigmoid": Case("LaB6.a", "sigmoid", (4.15, 4.16, 300.0, 40.0)),
    "displacement, Einstein": Case(U_ISO, "einstein", (0.002, 2e-5, 200.0), 10.0),
    "displacement, Debye": Case(U_ISO, "debye", (0.002, 2e-5, 300.0), 10.0),
}


def run(name: str, n: int, seed: int = 0) -> dict[str, Calibration]:
    """Pulls of all coefficients over `n` sequences, and of what χ² loses by the functions."""
    case = CASES[name]
    refinement = method(coarse_frames=4, refine=(U_ISO,))
    model = model_of(refinement, X)
    followed = {case.parameter.replace(".", "__"): case.truth}
    scaled = {
        "LaB6__scale": case.counts * TRUE["LaB6.scale"],
        "background0": case.counts * TRUE["background0"],
    }
    y = expected(model, theta_of(model, len(T), **followed, **scaled), X)
    functions = {case.parameter: case.text, "zero": "constant"}
    true = np.array([*case.beta, TRUE["zero"]])
    found: list[np.ndarray] = []
    excess = []
    first = _sequence(y, np.random.default_rng((seed, n)))
    parametric = Parametric(refinement=_started(refinement, first), functions=functions)
    for number in range(n):
        plan = parametric.prepare(_sequence(y, np.random.default_rng((seed, number))))
        assert plan.converged
        # At few counts a frame may be lost now and then; the ends set a polynomial's origin.
        assert plan.used[[0, -1]].all() or case.text.split()[0] != "polynomial"
        fit = plan.attrs["function_fit"]
        stderr = np.sqrt(np.diagonal(plan.known.covariance))
        found.append((plan.known.beta - true) / stderr)
        excess.append((fit["chi2"] - fit["dof"]) / np.sqrt(2.0 * fit["dof"]))
    told = [c["name"] for c in plan.attrs["functions"][0]["coefficients"]]
    pulls = dict(zip([*told, "zero"], np.transpose(found), strict=True))
    return {k: Calibration(v) for k, v in (pulls | {"chi2": np.array(excess)}).items()}


def _sequence(y: np.ndarray, rng: np.random.Generator) -> Stack:
    return stack_of(y, rng, X, temperature=Variable(T, "K"))


def _started(refinement: Rietveld, stack: Stack) -> Rietveld:
    """The same refinement, starting every sequence where those of `stack` were found.

    How cells are found is not what is calibrated, and takes as long as all the rest.
    """
    plan = refinement.prepare(stack)

    class Started(Rietveld):
        def prepare(self, source: Stack) -> PatternPlan:
            return plan

    return Started(**{f.name: getattr(refinement, f.name) for f in fields(refinement)})
