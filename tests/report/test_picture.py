"""Patterns as pictures: what was measured, and nothing between."""

from __future__ import annotations

import base64
import io

import numpy as np

from spectra.report.picture import picture


def test_few_frames_are_not_drawn_into_each_other():
    from PIL import Image

    values = np.array([[0.0, 4.0], [1.0, np.nan], [9.0, 16.0]])
    source, top = picture(values)
    data = base64.b64decode(source.partition(",")[2])
    image = np.asarray(Image.open(io.BytesIO(data)))
    assert min(image.shape) >= 500
    rows, columns = image.shape[0] // 3, image.shape[1] // 2
    blocks = image.reshape(3, rows, 2, columns)
    assert (blocks == blocks[:, :1, :, :1]).all()
    assert top > 3.0
    # The first row is the lowest; what was not measured is grey.
    assert blocks[1, 0, 1, 0] == 255
    assert blocks[2, 0, 0, 0] == 0


def test_many_frames_stay_as_they_are():
    from PIL import Image

    source, _ = picture(np.ones((600, 1200)))
    data = base64.b64decode(source.partition(",")[2])
    assert Image.open(io.BytesIO(data)).size == (1200, 600)
