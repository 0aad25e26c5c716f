"""Fourier transforms and wavelet maps of χ(k) against loops of Larch: 301 points to k = 15."""

from __future__ import annotations

import time
import warnings
from functools import partial
from typing import Any

import numpy as np

from benchmarks.harness import race, table
from spectra import Stack
from spectra.xas import FourierTransform, Wavelet
from spectra.xas.exafs.cauchy import Cauchy
from spectra.xas.exafs.maps import map_whole

K = 0.05 * np.arange(301)
_FT_SAMPLE, _WAVELET_SAMPLE = 200, 6


def spectra_of(frames: int) -> Stack:
    """Two shells that move apart, with noise."""
    shift = np.linspace(0.0, 0.08, frames)[:, None]
    chi = 0.5 * np.exp(-0.008 * K**2) * np.sin(2 * K * (1.9 - shift) + 0.3)
    chi = (chi + 0.6 * np.exp(-0.012 * K**2) * np.sin(2 * K * (2.9 + shift) + 1.1)) / (1 + K)
    chi += 1e-3 * np.random.default_rng(0).normal(size=chi.shape)
    return Stack.from_arrays(K, chi, axis_name="k", axis_unit="1/angstrom", quantity="chi")


def larch() -> Any:
    """Larch's functions, imported without its warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import larch as package
        import larch.xafs
    return package


def larch_transforms(package: Any, stack: Stack, count: int) -> list[Any]:
    """A loop over xftf with the settings of `FourierTransform`."""
    out = []
    for one in np.asarray(stack.signal[:count]):
        group = package.Group(k=K, chi=one)
        package.xafs.xftf(group, kmin=3, kmax=12, dk=1, kweight=2, window="hanning")
        out.append(group.chir)
    return out


def larch_wavelets(package: Any, stack: Stack, count: int) -> list[Any]:
    """A loop over cauchy_wavelet, its whole grid to 10 angstrom."""
    out = []
    for one in np.asarray(stack.signal[:count]):
        group = package.Group(k=K, chi=one)
        package.xafs.cauchy_wavelet(group, kweight=2)
        out.append(group)
    return out


def whole_maps(stack: Stack, r: np.ndarray, count: int) -> list[Any]:
    """The same maps, one after the other."""
    mother = Cauchy(float(len(r)))
    return [map_whole(one * K**2, 0.05, r, mother) for one in np.asarray(stack.signal[:count])]


def chosen_maps(stack: Stack, method: Wavelet) -> None:
    """Moduli of 100 × 100 points, some frames at a time, keeping nothing."""
    plan = method._layout(stack)
    operator, signal = plan.operator(), np.asarray(stack.signal)[:, plan.used]
    for start in range(0, len(signal), method.block_size):
        real, imag = operator(signal[start : start + method.block_size])
        np.sqrt(real**2 + imag**2)


def transforms(frames: int, repeats: int) -> str:
    """Markdown table of the Fourier transforms, and how far they are from Larch's."""
    stack, package, method = spectra_of(frames), larch(), FourierTransform()
    results = method(stack)
    theirs = np.array(larch_transforms(package, stack, 20))
    ours = results["real"][:20, 0] + 1j * results["imag"][:20, 0]
    far = np.abs(ours - theirs).max() / np.abs(theirs).max()
    timings = race(
        {
            "Larch `xftf`": (partial(larch_transforms, package, stack, _FT_SAMPLE), _FT_SAMPLE),
            "spectra": (partial(method, stack), frames),
        },
        repeats,
        time.process_time,
    )
    title = f"Fourier transforms: {frames} spectra × {len(K)} points"
    text = table(title, timings, "spectra")
    return (
        f"{text}\nOurs finds the highest peak with its uncertainty and the noise too. Largest "
        f"difference from Larch: {far:.1e} of the highest magnitude.\n\n"
    )


def wavelets(frames: int, repeats: int) -> str:
    """Markdown tables of Cauchy wavelets on Larch's grid and on a lean one."""
    stack, package = spectra_of(frames), larch()
    group = larch_wavelets(package, stack, 1)[0]
    r = np.array(group.wcauchy_r)
    ours = whole_maps(stack, r, 1)[0] * Cauchy(float(len(r))).published_factor
    far = np.abs(ours - group.wcauchy).max() / np.abs(group.wcauchy).max()
    method = Wavelet()
    chosen_maps(stack[: method.block_size], method)
    method(stack[: method.block_size])
    timings = race(
        {
            "Larch `cauchy_wavelet`, 326 × 301 points": (
                partial(larch_wavelets, package, stack, _WAVELET_SAMPLE),
                _WAVELET_SAMPLE,
            ),
            "spectra, the same points": (
                partial(whole_maps, stack, r, 4 * _WAVELET_SAMPLE),
                4 * _WAVELET_SAMPLE,
            ),
            "spectra, 100 × 100 points with lobes and uncertainties": (
                partial(method, stack),
                frames,
            ),
            "spectra, 100 × 100 points": (partial(chosen_maps, stack, method), frames),
        },
        repeats,
        time.process_time,
    )
    text = table(f"Wavelet maps: {frames} spectra", timings, "spectra, 100 × 100 points")
    whole = np.median(timings[0].seconds / timings[1].seconds)
    lobes = np.median(timings[0].seconds / timings[2].seconds)
    return (
        f"{text}\nOn Larch's own grid ours is faster by {whole:.0f}×, with lobes on the lean one "
        f"by {lobes:.0f}×. Largest difference from Larch (same order and normalisation): "
        f"{far:.1e} of the maximum.\n\n"
    )
