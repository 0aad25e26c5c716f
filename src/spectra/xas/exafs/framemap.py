"""The wavelet map of one frame, whole."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectra.errors import StackError
from spectra.results import Results
from spectra.stack import Stack
from spectra.xas.exafs.chi import chi_of
from spectra.xas.exafs.wavelet import Wavelet

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]


@dataclass(frozen=True)
class WaveletMap:
    """W(k, R) of one frame.

    Attributes
    ----------
    name : str
        Of the frame.
    k : array (k,)
        1/angstrom.
    r : array (R,)
        Angstrom.
    values : complex array (R, k)
        In 1/angstrom^k_weight.
    k_weight : int
    """

    name: str
    k: FloatArray
    r: FloatArray
    values: ComplexArray
    k_weight: int

    @property
    def modulus(self) -> FloatArray:
        """|W| (R, k)."""
        return np.abs(self.values)

    @property
    def phase(self) -> FloatArray:
        """Phase of W (rad), (R, k)."""
        return np.angle(self.values)


def wavelet_map(source: Stack | Results, method: Wavelet, frame: int = 0) -> WaveletMap:
    """The map of one frame, on the grid of a method.

    Parameters
    ----------
    source : Stack or Results
        χ(k), as `Wavelet` takes it.
    method : Wavelet
    frame : int

    Raises
    ------
    StackError
        If the frame has no χ(k) in the range.
    """
    one = source[frame : frame + 1].load()
    plan = method.lay_out(one)
    values, good, verdicts = method.screened(chi_of(method.name, one), one, plan)
    if not good.all():
        raise StackError(verdicts.messages[0] or f"{one.names[0]}: no χ(k)")
    real, imag = plan.operator()(np.ascontiguousarray(values[:, plan.used]))
    return WaveletMap(one.names[0], plan.k, plan.r, (real + 1j * imag)[0], method.k_weight)
