"""Raman spectra whose every part is known."""

from __future__ import annotations

import numpy as np

from spectra import Stack

# Uneven, as the detectors of dispersive spectrometers are.
SHIFT = 200.0 + 1.2 * np.arange(800) - 2e-4 * np.arange(800) ** 2
CENTRES, WIDTHS, HEIGHTS = (330.0, 520.0, 700.0, 705.0), (12.0, 5.0, 30.0, 90.0), (3, 9, 4, 2)


def bands(x=SHIFT) -> np.ndarray:
    """Four Lorentzians of full widths from 5 to 90 1/cm."""
    terms = zip(CENTRES, WIDTHS, HEIGHTS, strict=True)
    return sum(h / (1 + ((x - c) / (w / 2)) ** 2) for c, w, h in terms)


def background(x=SHIFT) -> np.ndarray:
    u = (x - x[0]) / (x[-1] - x[0])
    return 20.0 + 15.0 * u - 12.0 * u**2


def series(n=16, noise=0.02, base=False, **parts) -> Stack:
    """Spectra that grow from frame to frame, with given uncertainties."""
    rng = np.random.default_rng(3)
    scale = np.linspace(1.0, 2.0, n)[:, None]
    y = scale * bands() + (background() if base else 0.0)
    errors = np.full(y.shape, noise)
    return Stack.from_arrays(
        SHIFT,
        y + rng.normal(0.0, noise, y.shape),
        errors,
        axis_name="raman_shift",
        axis_unit="1/cm",
        **parts,
    )


def with_rays(stack: Stack, seed=5) -> tuple[Stack, np.ndarray, np.ndarray]:
    """A cosmic ray of one or two points in every frame; which frames and points it hit."""
    from dataclasses import replace

    rng = np.random.default_rng(seed)
    signal = np.array(stack.signal)
    frames = np.arange(len(stack))
    points = rng.integers(5, stack.n_points - 6, len(stack))
    signal[frames, points] += 3.0
    wide = frames[::2]
    signal[wide, points[::2] + 1] += 2.0
    return replace(stack, signal=signal), frames, points
