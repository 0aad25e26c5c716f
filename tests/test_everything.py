"""All techniques on what was measured, by the sheet that the documentation holds."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from spectra.batch import run_batch
from spectra.report.batch.axis import CommonAxis
from spectra.report.batch.comparison import Comparison
from spectra.samples import load_samples
from spectra.summary import sample_summary

pytestmark = [
    pytest.mark.realdata,
    pytest.mark.filterwarnings("ignore::spectra.errors.DataWarning"),
]

EVERYTHING = Path(__file__).resolve().parents[1] / "docs" / "recipes" / "everything"
# What would take minutes; the whole is run by hand.
SLOW = re.compile('.*recipe = "(rietveld|neutrons|oxide_exafs|cathode_exafs)', re.DOTALL)
FEWER = {"degussa_*.xye": "degussa_00[01].xye", "glass_batch/*.txt": "glass_batch/*1.txt"}


@pytest.fixture(scope="module")
def folder(data, tmp_path_factory):
    """The sheet and its recipes beside the measurements, each of which may be replaced."""
    folder = tmp_path_factory.mktemp("everything")
    for path in EVERYTHING.glob("*.toml"):
        shutil.copy(path, folder)
    for path in (p for p in data.rglob("*") if p.is_file()):
        link = folder / "data" / path.relative_to(data)
        link.parent.mkdir(parents=True, exist_ok=True)
        os.symlink(path, link)
    return folder


def reduced(text):
    """The sheet without some measurements, and samples without any."""
    head, *samples = text.split("[[sample]]\n")
    kept = []
    for sample in samples:
        own, *measurements = sample.split("[[sample.measurement]]\n")
        quick = [m for m in measurements if not SLOW.match(m)]
        if quick:
            kept.append("[[sample.measurement]]\n".join([own, *quick]))
    text = "[[sample]]\n".join([head, *kept])
    for many, few in FEWER.items():
        assert many in text
        text = text.replace(many, few)
    return text


def states(sheet):
    batch = run_batch(load_samples(sheet), progress=False)
    return batch, {f"{o.sample}/{o.name}": o.state for o in batch.outcomes}


def test_the_whole_sheet_is_valid(folder):
    sheet = load_samples(folder / "samples.toml")
    assert sheet.axis == "temperature"
    assert len(list(sheet.measurements())) == 20
    assert sum(len(m.files) for _, m in sheet.measurements()) > 150


def test_all_techniques_to_one_summary_and_only_changes_again(folder):
    sheet = folder / "some.toml"
    sheet.write_text(reduced((folder / "samples.toml").read_text(encoding="utf-8")))
    batch, first = states(sheet)
    assert set(first.values()) == {"computed"}, [o.reason for o in batch.failures]
    assert len(first) == 16
    _, again = states(sheet)
    assert set(again.values()) == {"kept"}
    touched = folder / "data" / "xas" / "vanadium" / "V2O3.xdi"
    content = touched.read_bytes()
    touched.unlink()
    touched.write_bytes(content)
    assert states(sheet)[1] == again
    touched.write_bytes(content.rstrip() + b"\n\n")
    assert states(sheet)[1] == again | {"V2O3/xanes": "computed"}
    summary = sample_summary(batch)
    check(summary)
    compared = Comparison.of(summary, CommonAxis.of(summary))
    right, up = (compared.quantities[i] for i in compared.chosen())
    assert right != up
    assert sum(right in own and up in own for own in compared.samples.values()) >= 2


def check(summary):
    """Each technique has its headlines, with uncertainties."""
    found = {(h.sample, h.quantity): h for h in summary.headlines if h.known.size}
    for name, nominal in (("V2O5", 5.0), ("VO2", 4.0), ("V2O3", 3.0)):
        value, stderr = found[name, "valence, bulk"].first()
        assert abs(value - nominal) < max(3 * stderr, 0.1), name
        assert stderr > 0
    distance = found["Cu", "R of Cu-Cu"]
    assert distance.at.tolist() == [10.0, 50.0, 150.0, 293.0]
    assert np.abs(distance.values - 2.55).max() < 0.02
    disorder = found["Cu", "σ² of Cu-Cu"]
    assert (np.diff(disorder.values) > 0).all()
    assert found["Cu", "CN of Cu-Cu"].held
    for key in (
        ("TiO2", "V of TiO2_anatase"),
        ("TiO2", "ΔV/V of TiO2_anatase"),
        ("Basaltic glass", "valence, bulk"),
        ("LiNiO2", "half-step energy"),
        ("Au with bacteria", "share of cyanobacteria.prj Au foil"),
        ("Ni-W film", "fraction of W, surface"),
        ("PBTTT in situ", "fraction of C-C, surface"),
        ("Carbon", "I_D/I_G"),
        ("Carbon", "L_a (Cançado)"),
        ("Silicon", "position of b01"),
    ):
        assert key in found, (key, sorted(q for s, q in found if s == key[0]))
    assert found["PBTTT in situ", "position of C-C, surface"].common
    assert summary.failures == ()
