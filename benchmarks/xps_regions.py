"""V 2p and O 1s in one window, seven species, 400 points: `xps.Region` against lmfit, one core.

    PYTHONPATH=src:tests/xps python benchmarks/xps_regions.py [frames]

lmfit fits the same model twice: as one plain function with the same ties, and as the sum of its
own pseudo-Voigts and error-function steps that a user would write. Times are of the process.
"""

from __future__ import annotations

import sys
import time

import numpy as np
from lmfit import Model
from lmfit.models import ConstantModel, PseudoVoigtModel
from scipy.special import erf
from vanadium_regions import ENERGY, MODEL, SETS, TRUE_AREA, TRUE_FRACTION, simulated

from spectra.xps import Region


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


def main() -> None:
    frames = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    stack = simulated(frames, seed=5)
    region = Region(model=SETS)
    region(stack[:20])
    start = time.process_time()
    results = region(stack)
    own = (time.process_time() - start) / frames
    print(f"xps.Region: {own * 1e3:.2f} ms a frame, {frames} frames, whole table")
    for name, truth in (("area", TRUE_AREA), ("fraction", TRUE_FRACTION)):
        z = (results[name] - truth) / results[f"{name}_stderr"]
        print(f"pulls of {name}s: means {z.mean(0).round(3)}, widths {z.std(0).round(3)}")
    plan = region.prepare(stack)
    part = region._parts(stack[:5].load(), plan)
    built = region.built(plan.x)
    for label in ("one function", "sum of lmfit's models"):
        spent, evaluations = 0.0, 0
        for i in range(5):
            params = built.params.copy()
            for name, values in part.starts.items():
                params[name].set(value=float(values[i]))
            model = built.model
            if label != "one function":
                model, params = composite(params)
            weights = 1 / np.sqrt(np.maximum(part.y[i], 1))
            start = time.process_time()
            found = model.fit(part.y[i], params, x=ENERGY, weights=weights, scale_covar=False)
            spent += time.process_time() - start
            evaluations += found.nfev
        each = spent / 5
        print(
            f"lmfit, {label}: {each * 1e3:.0f} ms a frame, {evaluations / 5:.0f} evaluations, "
            f"{found.nvarys} variables; ratio {each / own:.0f}"
        )


if __name__ == "__main__":
    main()
