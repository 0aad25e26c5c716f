"""The methods of this technique pass what every method must."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from refined_patterns import refined_patterns
from simulate import sequence
from test_cell import tracked
from test_strain import cells
from test_williamson_hall import peaks_of

from conformance import MethodConformance
from spectra import Status
from spectra.reference import load_phase
from spectra.xrd import Cell, Peaks, Strain, Structure, WilliamsonHall


class OnResults(MethodConformance):
    """Of a method that works on the results of another."""

    def spoil(self, source, frame, value):
        columns = {name: np.array(source[name]) for name in source.columns}
        for column in columns.values():
            column[frame] = np.nan if column.dtype.kind == "f" else -1
        status = source.status.copy()
        status[frame] = Status.NO_SIGNAL
        return replace(source, columns=columns, status=status)


class TestPeaks(MethodConformance):
    without_uncertainty = frozenset(
        {"background_poly", "parameters", "window_low", "window_high"}
        | {"significance", "center_cov", "chi2_reduced"}
    )

    def make_method(self):
        return Peaks()

    def make_source(self):
        return sequence(20)[0]


class TestCell(OnResults):
    without_uncertainty = frozenset(
        {"cell_cov", "chi2_reduced", "residual", "scaled", "position_excess"}
    )

    def make_method(self):
        return Cell(phases=("TiO2_rutile",))

    def make_source(self):
        phase = load_phase("TiO2_rutile")
        true = np.tile(phase.cell, (20, 1))
        true[:, :3] *= 1 + 1e-3 * np.linspace(0, 1, 20)[:, None]
        return tracked([phase], [true], sigma=0.004, noise=0.004)


class TestStrain(OnResults):
    without_uncertainty = frozenset({"strain_cov"})

    def make_method(self):
        return Strain()

    def make_source(self):
        return cells(1 + 1e-3 * np.sin(np.linspace(0, 3, 20)))


class TestStructure(OnResults):
    def make_method(self):
        return Structure(valences={"Ti": 4}, limits={"Ti-O": 2.4})

    def make_source(self):
        return refined_patterns(frames=20)


class TestWilliamsonHall(OnResults):
    without_uncertainty = frozenset({"x", "line_covariance", "chi2_reduced"})

    def make_method(self):
        return WilliamsonHall(phase="TiO2_rutile")

    def make_source(self):
        return peaks_of("lorentzian", 20, 0.01)


class TestSizeStrainPlot(TestWilliamsonHall):
    def make_method(self):
        return WilliamsonHall(phase="TiO2_rutile", plot="size_strain", shape_factor=0.9)
