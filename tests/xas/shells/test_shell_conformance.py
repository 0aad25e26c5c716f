"""`Shells` passes what every method must."""

from __future__ import annotations

from copper_shells import S02, sequence, simulated_path, truth_of

from conformance import MethodConformance
from spectra.xas import Shells

PATH = simulated_path()
NEVER = frozenset(
    {
        *("chi_square", "reduced_chi_square", "r_factor", "misfit_probability", "n_idp"),
        *("n_varied", "noise", "covariance", "covariance_unscaled", "model"),
        *(
            f"{q}_{of}"
            for q in ("n", "r", "sigma2")
            for of in ("by_common", "with_common", "with_common_unscaled")
        ),
        *("value_stderr_unscaled", "amplitude_stderr_unscaled"),
        *(f"{q}_stderr_unscaled" for q in ("n", "r", "sigma2", "e0", "delta_r", "c3")),
    }
)


class TestShells(MethodConformance):
    without_uncertainty = NEVER

    def make_method(self):
        return Shells(
            k_range=(3.0, 15.0),
            r_range=(1.4, 3.0),
            parameters={"n": 12.0, "s02": S02, "e0": 0.0, "delta_r": 0.0, "sigma2": 0.005}
            | {"s02": {"value": S02, "vary": False}},
            paths=(PATH,),
        )

    def make_source(self):
        return sequence(truth_of(17, PATH), PATH)


class TestTogether(TestShells):
    def make_method(self):
        return Shells(
            k_range=(3.0, 15.0),
            r_range=(1.4, 3.0),
            k_weight=(1, 2, 3),
            parameters={
                "n": {"value": 12.0, "min": 0.0, "max": 30.0},
                "s02": {"value": S02, "stderr": 0.03},
                "e0": {"value": 0.0, "across": "common"},
                "delta_r": {"value": 0.0, "across": {"polynomial": 1, "over": "x"}},
                "sigma2": 0.005,
            },
            restraints=({"of": "e0", "value": 3.0, "stderr": 1.0},),
            paths=({"path": PATH, "c3": 1e-6},),
        )

    def make_source(self):
        return sequence(truth_of(17, PATH), PATH, given=False)
