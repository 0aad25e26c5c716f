"""What notebooks show: small, whole, and escaped."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from spectra import Stack, xrd
from spectra.batch import Batch, Outcome
from spectra.correction import Correction
from spectra.engine import find_correction
from spectra.notebook import small_table
from spectra.recipe import Recipe
from spectra.recipesettings import RecipeSettings, StackSettings, StepSettings
from spectra.results import Column, Record, Results, Table
from spectra.samples import Measurement, Sample, SampleSheet
from spectra.summary import sample_summary

HOSTILE = "<img src=x onerror=alert(1)> & $x$"


class Balance(HTMLParser):
    """Fails on an element that is not closed, and collects what stands in cells."""

    def __init__(self):
        super().__init__()
        self.open, self.texts = [], []

    def handle_starttag(self, tag, attrs):
        assert tag in ("table", "caption", "thead", "tbody", "tr", "th", "td"), tag
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def told(thing) -> str:
    """The text of what a notebook shows, if it is a table and whole."""
    checker = Balance()
    checker.feed(thing if isinstance(thing, str) else thing._repr_html_())
    checker.close()
    assert checker.open == []
    return " ".join(checker.texts)


def record() -> Record:
    columns = (Column("v", "V", "something", stderr=True, headline="voltage"),)
    table = Table("made", columns, default="v")
    values = {"v": np.array([1.0, 2.0]), "v_stderr": np.array([0.1, 0.1])}
    results = Results(table, values, np.array([0, 1], np.int8))
    return Record({HOSTILE: results}, recipe={"title": HOSTILE})


class Held(Outcome):
    def record(self) -> Record:
        return record()


def sheet(tmp_path) -> SampleSheet:
    settings = RecipeSettings(
        title=HOSTILE,
        stack=StackSettings(files="*.xy"),
        step=[StepSettings(name="peaks", method="xrd.Peaks")],
    )
    recipe = Recipe(settings, tmp_path, {"peaks": xrd.Peaks()})
    one = Measurement("xrd", "xrd", recipe, Path("r.toml"), (), {}, tmp_path / "a.h5")
    sample = Sample(HOSTILE, {"mass": 1.5}, (one,))
    return SampleSheet(HOSTILE, "", Path("s.toml"), tmp_path, tmp_path, (sample,))


def test_tables_are_escaped_and_cut():
    rows = [(HOSTILE, "y" * 500)] + [(str(i), i) for i in range(200)]
    text = told(small_table(HOSTILE, rows, ("a", "<b>")))
    assert HOSTILE in text
    assert "y" * 119 + "…" in text
    assert "141 more" in text


def test_every_thing_of_a_batch_shows_itself(tmp_path):
    samples = sheet(tmp_path)
    failed = Outcome(HOSTILE, "xps", "xps", tmp_path, "failed", "no file")
    batch = Batch(samples, (Held(HOSTILE, "xrd", "xrd", tmp_path, "computed"), failed))
    for thing in (samples, samples.samples[0], batch, sample_summary(batch), record()):
        assert HOSTILE in told(thing)
    assert re.search("failed .*no file.* computed", told(batch))
    assert "mass 1.5" in told(samples.samples[0])
    assert "1.00(10) 2.00(10) 1.00(14)" in told(sample_summary(batch))
    assert "peaks xrd.Peaks from stack" in told(samples.samples[0].measurements[0].recipe)


@pytest.mark.parametrize("make", [xrd.Peaks, lambda: find_correction("raman.Despike")()])
def test_settings_tell_their_units_and_meanings(make):
    settings = make()
    text = told(settings)
    assert settings.name in text
    for name in settings.settings():
        assert name in text
    if isinstance(settings, Correction):
        assert len(text) > 100


def test_stacks_are_whole():
    stack = Stack.from_arrays(np.arange(3.0), np.ones((2, 3)), title=HOSTILE)
    assert "2 × 3" in told(stack)
