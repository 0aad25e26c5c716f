"""Intensities as a picture that stands in a page."""

from __future__ import annotations

import base64
import io

import numpy as np
from numpy.typing import NDArray

from spectra.report.shades import magma

FloatArray = NDArray[np.float64]

_MISSING = (150, 150, 150)
# Browsers draw colours between neighbouring points of an enlarged picture, where nothing was
# measured: few rows or columns are repeated, up to so many.
_LEAST = 500


def picture(values: FloatArray) -> tuple[str, float]:
    """Intensities as a PNG in a data URI on a square-root scale, and the scale's top.

    A palette of 254 colours is a quarter of the size of true colours; the last entry is grey,
    for what was not measured.

    Parameters
    ----------
    values : array (rows, columns)
        The first row is the lowest of the picture; NaN was not measured.
    """
    from PIL import Image

    root = np.sqrt(np.maximum(np.nan_to_num(values), 0.0))
    top = float(np.quantile(root, 0.999)) or float(root.max()) or 1.0
    index = np.round(np.clip(root / top, 0.0, 1.0) * 253).astype(np.uint8)
    index[~np.isfinite(values)] = 255
    colours = [colour for _, colour in magma(254)]
    palette = np.array([*colours, colours[-1], _MISSING], dtype=np.uint8)
    for side in (0, 1):
        index = np.repeat(index, -(-_LEAST // index.shape[side]), axis=side)
    image = Image.fromarray(np.ascontiguousarray(index[::-1]))
    image.putpalette(palette.tobytes())
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode(), top
