"""Tables of tracked peaks whose cells are known, for the tests of cells and strains."""

from __future__ import annotations

import numpy as np

from spectra.reference import load_phase
from spectra.results import Results
from spectra.status import Status
from spectra.xrd.aberrations import ABERRATIONS
from spectra.xrd.crystal.reflections import reflections, relative_intensity
from spectra.xrd.lattice import d_spacing
from spectra.xrd.tracks import PeakStatus, found, peaks_table

WAVELENGTH = 1.5405929
# The lattice of one phase per crystal system, without atoms.
LATTICES = {
    "cubic": ("P m -3 m", (4.2, 4.2, 4.2, 90.0, 90.0, 90.0)),
    "tetragonal": ("P 4/m m m", (4.1, 4.1, 5.3, 90.0, 90.0, 90.0)),
    "hexagonal": ("P 6/m m m", (4.4, 4.4, 5.9, 90.0, 90.0, 120.0)),
    "trigonal": ("P -3 m 1", (4.4, 4.4, 5.9, 90.0, 90.0, 120.0)),
    "rhombohedral": ("R -3 m:R", (4.3, 4.3, 4.3, 73.0, 73.0, 73.0)),
    "orthorhombic": ("P m m m", (4.1, 4.7, 5.6, 90.0, 90.0, 90.0)),
    "monoclinic_b": ("P 1 2/m 1", (4.1, 4.7, 5.6, 90.0, 98.0, 90.0)),
    "triclinic": ("P -1", (4.1, 4.7, 5.6, 85.0, 98.0, 106.0)),
}


def lattice_phase(system: str, **changes: object) -> dict:
    """A phase of some crystal system as plain data."""
    group, cell = LATTICES[system]
    return {"name": system, "space_group": group, "cell": list(cell), **changes}


def scaled(cell, factors) -> np.ndarray:
    """Cells (F, 6) whose lengths are those of `cell` times factors (F,) or (F, 3)."""
    factors = np.asarray(factors, dtype=float)
    factors = factors[:, None] if factors.ndim == 1 else factors
    cells = np.tile(np.asarray(cell, dtype=float), (len(factors), 1))
    cells[:, :3] *= factors
    return cells


def lines_of(
    spec,
    cells,
    *,
    window=(15.0, 80.0),
    apart=0.6,
    strongest=None,
    weakest=0.5,
    wavelength=WAVELENGTH,
    present=None,
    scale=1.0,
) -> list[dict]:
    """Tracks of one phase: positions (F,) of each line that stands alone in frame 0.

    Lines nearer than `apart` (deg) to a stronger one are left out together with it, unless
    they coincide exactly in every cell.
    """
    phase = load_phase(spec)
    listed = reflections(phase, wavelength / 2.0 / np.sin(np.radians(window[1] / 2 + 0.5)))
    if phase.atoms:
        with_factors = reflections(phase, float(listed.d.min()) * 0.999, wavelength)
        intensity = relative_intensity(with_factors, wavelength)
        listed = with_factors
    else:
        intensity = 100.0 * listed.multiplicity / listed.multiplicity.max()
    d = d_spacing(listed.hkl, cells)
    position = np.degrees(2.0 * np.arcsin(wavelength / 2.0 / d))
    keep = []
    for r in np.flatnonzero(intensity >= weakest).tolist():
        near = np.abs(position[0] - position[0, r]) < apart
        if near.sum() == 1 and window[0] < position[0, r] < window[1]:
            keep.append(r)
    if strongest is not None:
        keep = sorted(sorted(keep, key=lambda r: -intensity[r])[:strongest])
    there = np.ones(len(cells), bool) if present is None else np.asarray(present)
    return [
        {
            "phase": phase.name,
            "hkl": tuple(listed.hkl[r].tolist()),
            "true": position[:, r],
            "area": 1000.0 * scale * intensity[r],
            "there": there,
        }
        for r in keep
    ]


def merged_lines_of(
    spec, cells, *, fwhm, window=(3.0, 20.0), weakest=1.0, touching=0.6, wavelength=WAVELENGTH
) -> list[dict]:
    """Tracks of one phase where lines nearer than ``touching·fwhm`` show as one, at their mean.

    Lines that still come within 2.5 fwhm of another one are left out; ``n`` counts the merged.
    """
    phase = load_phase(spec)
    d_min = wavelength / 2.0 / np.sin(np.radians(window[1] / 2.0))
    listed = reflections(phase, d_min, wavelength)
    intensity = relative_intensity(listed, wavelength)
    if not phase.atoms:
        intensity = 100.0 * listed.multiplicity / listed.multiplicity.max()
    d = d_spacing(listed.hkl, cells)
    position = np.degrees(2.0 * np.arcsin(wavelength / 2.0 / d))
    left = np.flatnonzero(intensity > weakest)
    tracks = []
    while left.size:
        top = left[intensity[left].argmax()]
        group = left[np.abs(position[0, left] - position[0, top]) < touching * fwhm]
        left = np.setdiff1d(left, group)
        weight = intensity[group] / intensity[group].sum()
        tracks.append(
            {
                "phase": phase.name,
                "hkl": tuple(listed.hkl[top].tolist()),
                "true": position[:, group] @ weight,
                "area": 1000.0 * intensity[group].sum(),
                "there": np.ones(len(cells), bool),
                "n": len(group),
            }
        )
    at = np.array([t["true"][0] for t in tracks])
    alone = (np.abs(at[:, None] - at) < 2.5 * fwhm).sum(axis=1) == 1
    inside = (at > window[0]) & (at < window[1] - 0.3)
    return [t for t, keep in zip(tracks, alone & inside, strict=True) if keep]


def peaks_of(
    tracks,
    *,
    sigma=1e-3,
    shifts=None,
    radius=200.0,
    seed=None,
    fwhm=0.15,
    correlation=0.0,
    axis=("two_theta", "deg"),
    wavelength=WAVELENGTH,
) -> Results:
    """The table `Peaks` would give for these tracks.

    Noise of standard deviation `sigma` (deg) with `correlation` between neighbouring tracks is
    added if `seed` is given; `shifts` maps aberrations to their parameter (number or (F,)).
    """
    tracks = sorted(tracks, key=lambda t: t["true"][0])
    center = np.stack([t["true"] for t in tracks], axis=1)
    n_frames, n_tracks = center.shape
    ideal = center.copy()
    for name, size in (shifts or {}).items():
        center = center + np.reshape(size, (-1, 1)) * ABERRATIONS[name].shift(ideal, radius)
    step = np.abs(np.subtract.outer(np.arange(n_tracks), np.arange(n_tracks)))
    cov = sigma**2 * np.where(step == 0, 1.0, np.where(step == 1, correlation, 0.0))
    if seed is not None:
        noise = np.random.default_rng(seed).standard_normal((n_frames, n_tracks))
        center = center + noise @ np.linalg.cholesky(cov).T
    there = np.stack([t["there"] for t in tracks], axis=1)
    table = peaks_table(
        axis[1],
        {
            "label": np.array([f"p{i + 1:02d}" for i in range(n_tracks)]),
            "start": center[0],
            "group": np.arange(n_tracks),
        },
        2,
    )
    columns = table.empty(n_frames)
    for name, value in (("center", center), ("fwhm", fwhm), ("area", [t["area"] for t in tracks])):
        columns[name][:] = np.where(there, value, np.nan)
    columns["center_stderr"][:] = np.where(there, sigma, np.nan)
    columns["peak_status"][:] = np.where(there, PeakStatus.OK, PeakStatus.LOST)
    both = there[:, :, None] & there[:, None, :]
    columns["center_cov"][:] = np.where(both, cov, np.nan)
    columns["n_peaks"][:] = found(columns["peak_status"]).sum(axis=1)
    attrs = {"axis": {"name": axis[0], "unit": axis[1]}}
    if wavelength is not None:
        attrs["wavelength"] = wavelength
    return Results(table, columns, np.full(n_frames, Status.OK, np.int8), attrs=attrs)


def labels_of(results, tracks) -> list[tuple]:
    """(phase, hkl) that every track was given, beside the true ones, in order of position."""
    tracks = sorted(tracks, key=lambda t: t["true"][0])
    c = results.table.coords["peak"]
    got = [
        (str(p), (int(h), int(k), int(m)))
        for p, h, k, m in zip(c["phase"], c["h"], c["k"], c["l"], strict=True)
    ]
    return list(zip(got, [(t["phase"], t["hkl"]) for t in tracks], strict=True))
