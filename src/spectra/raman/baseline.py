"""`raman.Baseline`: subtract what lies under the bands, by an algorithm of pybaselines."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from spectra.corrected import errors_of, remark, signal_of, usable, with_errors
from spectra.correction import Correction
from spectra.errors import SettingError
from spectra.raman.frames import check_window, load_spectra, say_window, within
from spectra.settings import setting
from spectra.stack import Stack

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_FEWEST = 10
# What takes several spectra at once, or is no algorithm but a helper of others.
_OTHERS = ("banded_solver", "pentapy_solver", "collab_pls", "interp_pts", "cwt_br")


@lru_cache(maxsize=1)
def algorithms() -> tuple[str, ...]:
    """Names of pybaselines' algorithms for one spectrum."""
    from pybaselines import Baseline as Algorithms

    names = (n for n in dir(Algorithms) if not n.startswith("_") and n not in _OTHERS)
    return tuple(n for n in names if callable(getattr(Algorithms, n)))


@dataclass(frozen=True, kw_only=True)
class Baseline(Correction):
    """Subtract a baseline from each spectrum; it is kept as the channel ``baseline``.

    The algorithms are those of pybaselines (D. Erb, doi:10.5281/zenodo.5608581), by their names
    there: ``arpls`` (Baek et al., Analyst 140 (2015) 250), ``asls``, ``airpls``, ``imodpoly``,
    ``snip``, ``rubberband`` …, with their own parameters. Points without a number are left
    out. Spectra that have the same points share what an algorithm prepares for these.

    The baseline's uncertainty is not known to these algorithms, nor is it in any number that
    follows. Areas of overlapping bands fitted afterwards are off by many standard errors: to
    quote those, fit the background with the bands. A spectrum whose baseline fails is marked
    ``bad_input`` and keeps its numbers; one whose baseline was still changing when the algorithm
    stopped has a remark (raise ``max_iter`` or ``tol``).

    Examples
    --------
    >>> import numpy as np
    >>> from spectra import Stack
    >>> shift = np.arange(200.0, 1000.0, 2.0)
    >>> band = 500 / (1 + ((shift - 520) / 6) ** 2)
    >>> stack = Stack.from_arrays(
    ...     shift, band + 100 + 0.1 * shift, axis_name="raman_shift", axis_unit="1/cm")
    >>> clean = Baseline(algorithm="arpls", parameters={"lam": 1e6})(stack)
    >>> bool(np.abs(clean.signal - band).max() < 20)
    True
    """

    name: ClassVar[str] = "raman.Baseline"

    algorithm: str = setting("arpls", "name of the algorithm in pybaselines")
    parameters: Mapping[str, Any] | None = setting(
        None, 'what it is told, by its own names there, e.g. {"lam": 1e6}'
    )
    window: tuple[()] | tuple[float, float] = setting(
        (), "Raman shifts outside are left as they are; empty takes all", unit="1/cm"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.algorithm not in algorithms():
            raise SettingError(
                f"{self.name}: algorithm = {self.algorithm!r}; expected one of "
                f"{', '.join(algorithms())}"
            )
        check_window(self.name, self.window)

    def correct(self, stack: Stack) -> tuple[Stack, Mapping[str, Any]]:
        full = load_spectra(stack, self.name)
        spectra, errors = signal_of(full), errors_of(full)
        known = np.isfinite(spectra) & within(full.x, self.window)
        good = usable(full)
        baselines = np.full(spectra.shape, np.nan)
        remarks: dict[int, str] = {}
        unfinished: dict[int, str] = {}
        for points, frames in _alike(known, good):
            if points.sum() < _FEWEST:
                text = f"{points.sum()} points {say_window(self.window)} hold numbers"
                remarks |= dict.fromkeys(frames, text)
                continue
            for frame, found in self._baselines(full.x[points], spectra[:, points], frames):
                if isinstance(found, str):
                    remarks[frame] = found
                    continue
                baselines[frame, points], finished = found
                if not finished:
                    unfinished[frame] = f"the baseline of {self.algorithm} has not converged"
        done = np.isfinite(baselines)
        corrected = replace(
            full,
            signal=np.where(done, spectra - np.where(done, baselines, 0.0), spectra),
            channels={**full.channels, "baseline": baselines},
        )
        # Counts less a baseline are no counts any more.
        corrected = with_errors(corrected, errors)
        return remark(remark(corrected, unfinished), remarks, bad=True), {
            "frames": int(done.any(axis=1).sum()),
            "not_converged": len(unfinished),
        }

    def _baselines(
        self, x: FloatArray, spectra: FloatArray, frames: list[int]
    ) -> list[tuple[int, str | tuple[FloatArray, bool]]]:
        """Baselines of frames that have the same points, and whether they converged."""
        from pybaselines import Baseline as Algorithms

        algorithm = getattr(Algorithms(x, check_finite=False), self.algorithm)
        return [(frame, self._one(algorithm, spectra[frame])) for frame in frames]

    def _one(self, algorithm: Callable[..., Any], y: FloatArray) -> str | tuple[FloatArray, bool]:
        """The baseline of one spectrum, or why there is none."""
        options = dict(self.parameters or {})
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found, state = algorithm(y, **options)
        except (TypeError, KeyError, UnboundLocalError) as error:
            raise SettingError(f"{self.name}: {self.algorithm}: {error}") from None
        except (ValueError, ArithmeticError, np.linalg.LinAlgError) as error:
            return f"the baseline fails ({str(error)[:80]})"
        if not np.isfinite(found).all():
            return f"the baseline of {self.algorithm} is not finite"
        history, tolerance = state.get("tol_history"), options.get("tol", 1e-3)
        finished = history is None or np.size(history) == 0
        return np.asarray(found), bool(finished or np.ravel(history)[-1] < tolerance)


def _alike(known: BoolArray, good: BoolArray) -> list[tuple[BoolArray, list[int]]]:
    """Frames that have numbers at the same points, together."""
    groups: dict[bytes, list[int]] = {}
    for frame in np.flatnonzero(good).tolist():
        groups.setdefault(known[frame].tobytes(), []).append(frame)
    return [(known[frames[0]], frames) for frames in groups.values()]
