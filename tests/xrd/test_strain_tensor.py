"""Strain tensors against the metric tensor, closed forms and Monte Carlo."""

from __future__ import annotations

import numpy as np
import pytest

from spectra.results import Results
from spectra.xrd import Strain
from spectra.xrd.aberrations import get_aberrations
from spectra.xrd.lattice import CELL_NAMES, metric, orthogonalization, volume
from spectra.xrd.phases import PhaseStatus, cell_table

COMPONENTS = ("11", "22", "33", "23", "13", "12")
TRICLINIC = np.array([5.1, 6.2, 7.3, 81.0, 96.0, 105.0])
STRETCHED = np.array([5.12, 6.18, 7.36, 81.4, 95.7, 105.2])


def cell_results(cells, cov=None, standards=()):
    """The table `Cell` would give for cells (F, 6) of one phase."""
    cells = np.asarray(cells, dtype=float)
    cov = np.zeros((6, 6)) if cov is None else cov
    peak = {n: np.array([], dtype=int) for n in ("label", "phase", "h", "k", "l")}
    table = cell_table(("X",), peak, get_aberrations((), "transmission"), "deg")
    columns = table.empty(len(cells))
    for i, name in enumerate(CELL_NAMES):
        columns[name][:, 0] = cells[:, i]
        columns[f"{name}_stderr"][:, 0] = np.sqrt(cov[i, i])
    there = np.isfinite(cells).all(axis=1)
    value, gradient = volume(cells[there])
    columns["volume"][there, 0] = value
    variance = np.einsum("fp,pq,fq->f", gradient, cov, gradient)
    columns["volume_stderr"][there, 0] = np.sqrt(variance)
    columns["cell_cov"][:, 0] = cov
    columns["phase_status"][:, 0] = PhaseStatus.OK
    attrs = {"literature": {"X": TRICLINIC.tolist()}, "standards": list(standards)}
    return Results(table, columns, np.zeros(len(cells), np.int8), attrs=attrs)


def tensor(strain, prefix, frame):
    full = np.zeros((3, 3))
    places = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
    for component, (i, j) in zip(COMPONENTS, places, strict=True):
        full[i, j] = full[j, i] = strain[f"{prefix}{component}"][frame, 0]
    return full


def test_lagrangian_strain_is_that_of_the_metric_tensors():
    """Twice the Lagrangian strain is the change of the metric, seen in Cartesian axes."""
    strain = Strain()(cell_results([TRICLINIC, STRETCHED]))
    inverse = np.linalg.inv(orthogonalization(TRICLINIC))
    change = metric(STRETCHED)[0] - metric(TRICLINIC)[0]
    expected = 0.5 * inverse.T @ change @ inverse
    np.testing.assert_allclose(tensor(strain, "eta", 1), expected, atol=1e-14)
    np.testing.assert_allclose(tensor(strain, "eta", 0), 0.0, atol=1e-15)


def test_infinitesimal_strain_of_a_shear():
    # Only beta opens: x stays along a, so that the shear shows as e13 alone (and e33 in second
    # order).
    before, after = np.array([5.0, 6.0, 7.0, 90, 90, 90.0]), np.array([5.0, 6.0, 7.0, 90, 90.1, 90])
    strain = Strain()(cell_results([before, after]))
    angle = np.radians(0.1)
    e = tensor(strain, "e", 1)
    assert e[0, 2] == pytest.approx(-0.5 * np.sin(angle), rel=1e-12)
    assert e[2, 2] == pytest.approx(np.cos(angle) - 1.0, rel=1e-6)
    e[0, 2] = e[2, 0] = e[2, 2] = 0.0
    np.testing.assert_allclose(e, 0.0, atol=1e-15)


def test_the_trace_of_a_small_strain_is_the_change_of_volume():
    change = 1e-5 * np.array([1.0, -2.0, 3.0])
    after = TRICLINIC.copy()
    after[:3] *= 1 + change
    strain = Strain()(cell_results([TRICLINIC, after]))
    trace = np.trace(tensor(strain, "e", 1))
    assert trace == pytest.approx(strain["dv_over_v"][1, 0], abs=1e-8)
    assert strain["principal"][1, 0].sum() == pytest.approx(trace, abs=1e-15)
    assert (np.diff(strain["principal"][1, 0]) <= 0).all()
    for k, name in enumerate("abc"):
        assert strain[f"d{name}_over_{name}"][1, 0] == pytest.approx(change[k], rel=1e-9)


def test_covariances_are_those_of_simulated_cells():
    rng = np.random.default_rng(1)
    root = 1e-4 * rng.standard_normal((6, 6))
    root[3:] *= 10.0
    cov = root @ root.T
    n = 20_000
    reference, frame = (c + rng.standard_normal((n, 6)) @ root.T for c in (TRICLINIC, STRETCHED))
    strain = Strain()(cell_results([TRICLINIC, STRETCHED], cov))
    values = {"dv_over_v": volume(frame)[0] / volume(reference)[0] - 1}
    values["dc_over_c"] = frame[:, 2] / reference[:, 2] - 1
    deform = orthogonalization(frame) @ np.linalg.inv(orthogonalization(reference))
    small = 0.5 * (deform + deform.transpose(0, 2, 1)) - np.eye(3)
    large = 0.5 * (deform.transpose(0, 2, 1) @ deform - np.eye(3))
    for name, full in (("e", small), ("eta", large)):
        values |= {f"{name}{c}": full[:, int(c[0]) - 1, int(c[1]) - 1] for c in COMPONENTS}
    for name, simulated in values.items():
        assert strain[f"{name}_stderr"][1, 0] == pytest.approx(simulated.std(), rel=0.03), name
    together = np.cov([values[f"e{c}"] for c in COMPONENTS])
    scale = np.sqrt(np.outer(np.diag(together), np.diag(together)))
    np.testing.assert_allclose(strain["strain_cov"][1, 0] / scale, together / scale, atol=0.04)
    # The reference against itself is zero, without any uncertainty.
    assert strain["dv_over_v_stderr"][0, 0] == 0.0
    np.testing.assert_array_equal(strain["strain_cov"][0, 0], 0.0)


def test_the_literature_cell_counts_as_exact():
    cov = np.diag([1e-8] * 3 + [1e-6] * 3)
    strain = Strain(reference="literature")(cell_results([STRETCHED, TRICLINIC], cov))
    assert strain["da_over_a"][0, 0] == pytest.approx(5.12 / 5.1 - 1)
    assert strain["da_over_a_stderr"][0, 0] == pytest.approx(1e-4 / 5.1, rel=1e-9)
    # A cell that happens to equal it still has its own uncertainty.
    assert strain["da_over_a_stderr"][1, 0] == pytest.approx(1e-4 / 5.1, rel=1e-9)


def test_blocks_change_nothing_and_missing_frames_stay_missing():
    rng = np.random.default_rng(2)
    cells = TRICLINIC + 1e-3 * rng.standard_normal((70, 6))
    cells[5] = np.nan
    results = cell_results(cells, np.diag([1e-8] * 6))
    method = Strain()
    plan = method.prepare(results)
    whole = method.fit(results, plan)
    assert np.isnan(whole["dv_over_v"][5, 0])
    assert np.isfinite(np.delete(whole["dv_over_v"][:, 0], 5)).all()
    for size in (1, 7, 64):
        parts = Results.concatenate([method.fit(b, plan) for _, b in results.blocks(size)])
        for name, column in whole.columns.items():
            np.testing.assert_array_equal(parts[name], column, name)


def test_a_phase_never_found_has_no_verdict():
    strain = Strain()(cell_results(np.full((4, 6), np.nan)))
    assert strain.attrs["verdict"]["X"]["sentence"] == "X: found in 0 frames; no verdict."
    assert np.isnan(strain["dv_over_v"]).all()
