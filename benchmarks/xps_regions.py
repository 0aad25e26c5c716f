"""V 2p and O 1s in one window, seven species, 400 points: `xps.Region` against lmfit, one core.

    PYTHONPATH=src:tests/xps python -m benchmarks.xps_regions [--write] [frames]

lmfit fits the same model twice: as one plain function with the same ties, and as the sum of its
own pseudo-Voigts and error-function steps that a user would write. Times are of the process;
rounds alternate.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

import numpy as np
from lmfit import Model
from lmfit.models import ConstantModel, PseudoVoigtModel
from scipy.special import erf
from vanadium_regions import ENERGY, MODEL, SETS, TRUE_AREA, TRUE_FRACTION, simulated

from benchmarks.harness import DOCUMENT, race, table, write_section
from spectra import Results, Stack
from spectra.xps import Region

# Rounds, and how many frames of each lmfit fits as one function; as a sum it fits one.
ROUNDS, THEIRS = 5, 3
OURS = "spectra `xps.Region`, whole table"


def step(x, amplitude, center, sigma, fraction, k):
    """Integral of lmfit's pseudo-Voigt, times k."""
    t = (x - center) / sigma
    gauss = 0.5 * (1 + erf(t * np.sqrt(np.log(2))))
    return k * amplitude * ((1 - fraction) * gauss + fraction * (0.5 + np.arctan(t) / np.pi))


def composite(params):
    """The same lines as lmfit's own models with expressions for their ties."""
    whole = ConstantModel(prefix="background_")
    made = whole.make_params(c=params["background_c0"].value)
    made.add("shirley", params["shirley"].value)
    eta = 0.3 * np.pi / 2 / (0.3 * np.pi / 2 + 0.7 * np.sqrt(np.pi / np.log(2)) / 2)
    for species in MODEL.species:
        key = species.key
        for name in ("center", "area", "fwhm", "splitting", "broadening"):
            p = params.get(f"{key}_{name}")
            if p is not None:
                made.add(p.name, p.value, vary=p.vary, min=p.min, max=p.max)
        for name in ("center", "fwhm", "broadening"):
            if f"{key}_{name}" in params and params[f"{key}_{name}"].expr:
                made[f"{key}_{name}"].set(expr=params[f"{key}_{name}"].expr)
        for line, share in ((1, 2 / 3), (2, 1 / 3)) if species.splitting else ((1, 1.0),):
            prefix = f"{key}_{line}_"
            peak = PseudoVoigtModel(prefix=prefix)
            loss = Model(step, prefix=f"{prefix}bg_")
            made.update(peak.make_params())
            made.update(loss.make_params(k=0.0))
            second = line == 2
            made[f"{prefix}center"].expr = f"{key}_center" + second * f" + {key}_splitting"
            made[f"{prefix}amplitude"].expr = f"{share}*{key}_area"
            made[f"{prefix}sigma"].expr = f"0.5*{key}_fwhm" + second * f"*{key}_broadening"
            made[f"{prefix}fraction"].set(value=eta, vary=False)
            made[f"{prefix}bg_k"].expr = "shirley"
            for name in ("center", "amplitude", "sigma", "fraction"):
                made[f"{prefix}bg_{name}"].expr = prefix + name
            whole = whole + peak + loss
    return whole, made


def lmfit_fits(stack: Stack, region: Region, *, summed: bool) -> Iterator[object]:
    """Fits of one frame after the other by lmfit, from our starts."""
    plan = region.prepare(stack)
    part = region._parts(stack.load(), plan)
    built = region.built(plan.x)
    for i, y in enumerate(part.y):
        model, params = built.model, built.params.copy()
        for name, values in part.starts.items():
            params[name].set(value=float(values[i]))
        if summed:
            model, params = composite(params)
        weights = 1 / np.sqrt(np.maximum(y, 1))
        yield model.fit(y, params, x=ENERGY, weights=weights, scale_covar=False)


def speed(stack: Stack, region: Region) -> str:
    """Times of both."""
    some = stack[: ROUNDS * THEIRS]
    single, summed = (lmfit_fits(some, region, summed=how) for how in (False, True))
    region(stack[:20])
    contestants = {
        "lmfit `Model.fit`, sum of its models with expressions": (lambda: next(summed), 1),
        "lmfit `Model.fit`, our curve as one function": (
            lambda: [next(single) for _ in range(THEIRS)],
            THEIRS,
        ),
        OURS: (lambda: region(stack), len(stack)),
    }
    title = f"V 2p and O 1s in one window: 7 species, 11 lines, {len(stack)} spectra × 400 points"
    return table(title, race(contestants, ROUNDS, time.process_time), OURS)


def pulls(results: Results) -> str:
    """Means and widths of the pulls of areas and fractions, over the species."""
    told = []
    for name, truth in (("area", TRUE_AREA), ("fraction", TRUE_FRACTION)):
        z = (results[name] - truth) / results[f"{name}_stderr"]
        mean, width = z.mean(axis=0), z.std(axis=0)
        told.append(
            f"{name}s {mean.min():+.2f} to {mean.max():+.2f}, widths {width.min():.2f} to "
            f"{width.max():.2f}"
        )
    return f"Means of the pulls of {len(results)} frames, background free: {'; '.join(told)}.\n"


def main() -> None:
    numbers = [int(a) for a in sys.argv[1:] if a.isdigit()]
    stack = simulated(numbers[0] if numbers else 1000, seed=5)
    region = Region(model=SETS)
    text = speed(stack, region) + "\n" + pulls(region(stack))
    print(text)
    if "--write" in sys.argv:
        head = "`PYTHONPATH=src:tests/xps python -m benchmarks.xps_regions --write`, "
        write_section(
            *(DOCUMENT, "photoelectron regions", f"{head}processor time, on one core.\n\n{text}")
        )


if __name__ == "__main__":
    main()
