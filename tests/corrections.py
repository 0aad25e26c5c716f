"""What every correction must do: inherit, say what to run, and the checks come free."""

from __future__ import annotations

import contextlib
import io
import json
import pickle
import warnings
from dataclasses import FrozenInstanceError, fields, replace
from typing import ClassVar

import numpy as np
import pytest

from conformance import arrays_of
from spectra import Stack, Status
from spectra.engine import find_correction


class CorrectionConformance:
    """Base of the conformance tests of a correction."""

    spoilt: ClassVar[tuple[int, ...]] = (3, 11)
    one_frame_each: ClassVar[bool] = True
    """Whether each frame that goes in comes out."""
    refusal: ClassVar[str] = r"needs spectra over energy in eV; the axis is two_theta"

    def make_correction(self):
        raise NotImplementedError

    def make_source(self) -> Stack:
        raise NotImplementedError

    def test_recipes_find_it(self):
        correction = self.make_correction()
        assert find_correction(correction.name) is type(correction)

    def test_settings_are_frozen_keywords_that_explain_themselves(self):
        correction = self.make_correction()
        name = fields(correction)[0].name
        with pytest.raises(FrozenInstanceError):
            setattr(correction, name, getattr(correction, name))
        with pytest.raises(TypeError, match="no_such_setting"):
            type(correction)(no_such_setting=1)
        assert all(field.metadata.get("meaning") for field in fields(correction))

    def test_settings_come_back_from_plain_data(self):
        correction = self.make_correction()
        plain = json.loads(json.dumps(correction.settings()))
        assert type(correction).from_settings(plain) == correction
        assert pickle.loads(pickle.dumps(correction)) == correction

    def test_it_is_pure_and_silent(self):
        correction, source = self.make_correction(), self.make_source()
        before, said = pickle.dumps(arrays_of(source)), io.StringIO()
        with warnings.catch_warnings(), contextlib.redirect_stdout(said):
            warnings.simplefilter("error")
            one, other = correction(source), correction(source)
        assert said.getvalue() == ""
        assert pickle.dumps(arrays_of(source)) == before
        assert_same_stack(one, other)

    def test_a_record_of_plain_data_is_left(self):
        correction, source = self.make_correction(), self.make_source()
        twice = [{"correction": "xas.Earlier"}]
        corrected = correction(source.with_metadata(corrections=twice))
        first, own = corrected.metadata["corrections"]
        assert first == twice[0]
        assert own["correction"] == correction.name
        assert json.loads(json.dumps(own))["settings"] == correction.settings()

    def test_bad_frames_stay_bad_and_touch_no_other(self):
        if not self.one_frame_each:
            pytest.skip("frames are merged")
        correction, source = self.make_correction(), self.make_source()
        status, messages = source.status.copy(), list(source.messages)
        for frame in self.spoilt:
            status[frame], messages[frame] = Status.BAD_INPUT, "no beam"
        results = []
        for value in (np.nan, 0.0, 7.0):
            signal = np.array(source.signal)
            channels = {k: np.array(v) for k, v in source.channels.items()}
            for rows in (signal, *channels.values()):
                rows[list(self.spoilt)] = value
            bad = replace(
                source, signal=signal, channels=channels, status=status, messages=tuple(messages)
            )
            results.append(correction(bad))
            assert (results[-1].status[list(self.spoilt)] == Status.BAD_INPUT).all()
            assert all(results[-1].messages[f].startswith("no beam") for f in self.spoilt)
        others = np.setdiff1d(np.arange(len(source)), self.spoilt)
        for result in results[1:]:
            assert_same_stack(results[0][others], result[others])

    def test_other_axes_and_empty_stacks_are_refused(self):
        correction = self.make_correction()
        other = Stack.from_arrays(np.arange(50.0), np.ones((2, 50)))
        with pytest.raises(ValueError, match=self.refusal):
            correction(other)
        with pytest.raises(ValueError, match="no frames"):
            correction(self.make_source()[:0])


def assert_same_stack(one: Stack, other: Stack) -> None:
    """Equal bit for bit, NaN where NaN is."""
    pairs = [(one.x, other.x), (one.signal, other.signal), (one.status, other.status)]
    assert one.channels.keys() == other.channels.keys()
    assert one.variables.keys() == other.variables.keys()
    pairs += [(one.channels[k], other.channels[k]) for k in one.channels]
    for name in one.variables:
        a, b = one.variables[name], other.variables[name]
        pairs += [(a.values, b.values)]
        assert (a.stderr is None) == (b.stderr is None)
        if a.stderr is not None:
            pairs.append((a.stderr, b.stderr))
    assert (one.errors is None) == (other.errors is None)
    if one.errors is not None:
        pairs.append((one.errors, other.errors))
    for a, b in pairs:
        assert np.array_equal(np.asarray(a), np.asarray(b), equal_nan=True)
    assert one.messages == other.messages
