"""The methods of this technique pass what every method must."""

from __future__ import annotations

from dataclasses import replace

from mixtures import LABELS, mixed, reaction
from soft_edges import METHOD, soft_edges

from conformance import MethodConformance
from spectra.xas import CurveResolution, LinearCombination, PrincipalComponents, SoftEdge


class TestLinearCombination(MethodConformance):
    without_uncertainty = frozenset(
        {"weight_upper", "weight_covariance", "r_factor", "chi2_reduced"}
    )

    def make_method(self):
        return LinearCombination(standards=LABELS, window=(8325.0, 8410.0))

    def make_source(self):
        return mixed(reaction(17), 0.01, seed=8)


class TestShiftedCombination(TestLinearCombination):
    without_uncertainty = TestLinearCombination.without_uncertainty | {"weight_low", "weight_high"}

    def make_method(self):
        return LinearCombination(
            standards=LABELS, shift="common", window=(8325.0, 8410.0), bootstrap=20
        )


class TestRankedCombination(TestLinearCombination):
    without_uncertainty = TestLinearCombination.without_uncertainty | {
        "delta_aic",
        "delta_bic",
        "hamilton",
        "combination_r_factor",
    }

    def make_method(self):
        return LinearCombination(standards=LABELS, shift="each", penalty="bic", largest=2)

    def make_source(self):
        return mixed(reaction(17), 0.01, seed=8, given=False)


class TestPrincipalComponents(MethodConformance):
    without_uncertainty = frozenset({"residual", "r_factor", "chi2_reduced"})

    def make_method(self):
        return PrincipalComponents(window=(8325.0, 8410.0), targets=("oxide",), components=3)

    def make_source(self):
        return mixed(reaction(17), 0.01, seed=8)


class TestCurveResolution(MethodConformance):
    without_uncertainty = frozenset({"r_factor", "chi2_reduced"})

    def make_method(self):
        return CurveResolution(components=2, bootstrap=10, absent=((2, 0, 1),), rounds=100)

    def make_source(self):
        return mixed(reaction(17), 0.01, seed=8)


class TestSoftEdge(MethodConformance):
    without_uncertainty = frozenset({"background_misfit"})

    def make_method(self):
        return SoftEdge(**METHOD)

    def make_source(self):
        return soft_edges(20)


class TestSoftEdgeOfTwoChannels(TestSoftEdge):
    def make_method(self):
        return SoftEdge(**METHOD, channels=("signal", "tfy"))

    def spoil(self, source, frame, value):
        both = super().spoil(source, frame, value)
        yields = both.channels["tfy"].copy()
        yields[frame] = value
        return replace(both, channels={"tfy": yields})
