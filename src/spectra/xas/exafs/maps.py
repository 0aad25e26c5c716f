"""Wavelet maps of χ(k): whole grids by Fourier transforms, chosen points by products."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from spectra.xas.exafs.cauchy import Cauchy
from spectra.xas.exafs.morlet import Morlet
from spectra.xas.polynomials import products

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]
IntArray = NDArray[np.intp]
Mother = Cauchy | Morlet

# Frequencies that wavelets are made of: those of Larch.
_FREQUENCIES = 4096


def lag_kernels(mother: Mother, r: FloatArray, k_step: float, points: int) -> ComplexArray:
    """Wavelets at differences of k, which a map is the convolution of χ(k) with.

    W(k, R) = Σ_m χ(k_m) k_m^w h_R(k − k_m), h_R being the transform of `mother.response`.

    Returns
    -------
    complex array (R, 2·points − 1)
        From −(points − 1) to points − 1 steps.
    """
    n = max(_FREQUENCIES, scipy.fft.next_fast_len(2 * points))
    omega = np.asarray(2.0 * np.pi / (k_step * n) * np.arange(n // 2), dtype=float)
    spectrum = np.zeros((len(r), n), dtype=complex)
    spectrum[:, : n // 2] = mother.response(omega, r)
    kernel = scipy.fft.ifft(spectrum, axis=1)
    return np.concatenate([kernel[:, -(points - 1) :], kernel[:, :points]], axis=1)


def map_whole(weighted: FloatArray, k_step: float, r: FloatArray, mother: Mother) -> ComplexArray:
    """Wavelet map at all points of one χ(k).

    Parameters
    ----------
    weighted : array (points,)
        χ(k) k^w on a uniform grid, zero where nothing was measured.
    k_step : float
    r : array (R,)
        In angstrom; the map is zero at R = 0.
    mother : Cauchy or Morlet

    Returns
    -------
    complex array (R, points)
    """
    points = len(weighted)
    kernels, size = _kernel_spectra(mother, r.tobytes(), k_step, points)
    spectrum = scipy.fft.fft(weighted, n=size)
    return np.asarray(scipy.fft.ifft(kernels * spectrum, axis=1, overwrite_x=True)[:, :points])


@lru_cache(maxsize=4)
def _kernel_spectra(
    mother: Mother, r: bytes, k_step: float, points: int
) -> tuple[ComplexArray, int]:
    kernel = lag_kernels(mother, np.frombuffer(r), k_step, points)
    size = int(scipy.fft.next_fast_len(2 * points - 1))
    padded = np.zeros((len(kernel), size), dtype=complex)
    padded[:, :points] = kernel[:, points - 1 :]
    padded[:, size - (points - 1) :] = kernel[:, : points - 1]
    return scipy.fft.fft(padded, axis=1, overwrite_x=True), size


@dataclass(frozen=True)
class MapOperator:
    """The linear map from χ(k) to chosen points of W(k, R).

    Attributes
    ----------
    shape : (R, k)
    real, imag : array (points, R·k)
        What χ(k) at the points of the window is multiplied by.
    """

    shape: tuple[int, int]
    real: FloatArray
    imag: FloatArray

    def __call__(self, chi: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Real and imaginary part (frames, R, k) of the maps of χ(k) (frames, points)."""
        parts = (products(chi, matrix) for matrix in (self.real, self.imag))
        real, imag = (part.reshape(len(chi), *self.shape) for part in parts)
        return real, imag

    def cells(self, numbers: IntArray) -> tuple[FloatArray, FloatArray]:
        """Rows (cells, points) of some cells of the map, by their numbers in it."""
        real, imag = (np.ascontiguousarray(m[:, numbers].T) for m in (self.real, self.imag))
        return real, imag


def map_operator(
    mother: Mother, weight: FloatArray, k_step: float, used: slice, at: IntArray, r: FloatArray
) -> MapOperator:
    """The operator of a grid of points; the last ones are kept in memory.

    Parameters
    ----------
    mother : Cauchy or Morlet
    weight : array (points,)
        k^w Ω(k) of the grid of χ(k).
    k_step : float
    used : slice
        Points of it that are given to the operator.
    at : int array (k,)
        Points of it at which the map is wanted.
    r : array (R,)
    """
    key = (weight[used].tobytes(), k_step, used.start, at.tobytes(), r.tobytes())
    return _map_operator(mother, *key)


@lru_cache(maxsize=3)
def _map_operator(
    mother: Mother, weight: bytes, k_step: float, start: int, at: bytes, r: bytes
) -> MapOperator:
    factors, places = np.frombuffer(weight), np.frombuffer(at, dtype=np.intp)
    radii = np.frombuffer(r)
    numbers = start + np.arange(len(factors))
    lags = places - numbers[:, None]
    reach = int(np.abs(lags).max()) + 1
    kernel = lag_kernels(mother, radii, k_step, reach)
    shape = (len(radii), len(places))
    parts = []
    for part in (kernel.real, kernel.imag):
        wave = np.moveaxis(part[:, lags + reach - 1], 1, 0) * factors[:, None, None]
        parts.append(np.ascontiguousarray(wave.reshape(len(factors), -1)))
    return MapOperator(shape, *parts)
