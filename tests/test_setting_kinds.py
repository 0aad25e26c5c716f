"""Settings of wrong kinds are refused in one wording, whosever they are."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import pytest

from setting_values import NEEDED, WRONG, WRONG_IN_RECIPES
from spectra import raman, xas, xps, xrd
from spectra.engine import list_corrections, list_methods
from spectra.errors import SettingError, SpectraError
from spectra.kinds import Bound, kind_of
from spectra.recipe import check_recipe
from spectra.settings import Settings, setting

ALL: dict[str, Any] = {**list_methods(), **{f"{n}()": c for n, c in list_corrections().items()}}


@pytest.fixture(params=ALL)
def made(request) -> type[Settings]:
    return ALL[request.param]


def refusal(make: Callable[[], object]) -> str | None:
    """What is said against it, if anything; other errors than ours go through."""
    try:
        make()
    except SettingError as error:
        return str(error)
    return None


def test_there_are_many():
    assert len(ALL) > 40
    assert set(NEEDED) <= {c.name for c in ALL.values()}


def test_its_name_is_that_of_the_registry():
    assert [n.removesuffix("()") for n in ALL] == [c.name for c in ALL.values()]


def test_each_setting_of_a_wrong_kind_is_named(made):
    needed = NEEDED.get(made.name, {})
    assert refusal(lambda: made(**needed)) is None
    for field in fields(made):
        said = [refusal(lambda f=field, v=v: made(**{**needed, f.name: v})) for v in WRONG]
        for text in filter(None, said):
            assert text.startswith(f"{made.name}: "), text
            assert field.name in text, text
        # An object without properties is nothing that anybody can use.
        assert said[[type(v) is object for v in WRONG].index(True)], field.name


def test_so_it_is_in_a_recipe(made, tmp_path):
    key = "method" if hasattr(made, "prepare") else "correction"
    needed = NEEDED.get(made.name, {})
    for field in fields(made):
        for value in WRONG_IN_RECIPES:
            entry = {key: made.name, **needed, field.name: value}
            step = {"name": "a", "method": "xas.Normalize"}
            data = {"stack": {"files": "a.dat"}, "step": [step]}
            data["step" if key == "method" else "correct"] = [{"name": "a", **entry}]
            if key == "correction":
                del data["correct"][0]["name"]
            text = refusal(lambda data=data: check_recipe(data, tmp_path, "here"))
            if text is not None:
                place = "here, step 'a': " if key == "method" else "here, correction 1: "
                assert text.startswith(f"{place}{made.name}: ") or "does not exist" in text, text
                assert field.name in text, text


def test_what_is_accepted_comes_back_from_plain_data(made):
    needed = NEEDED.get(made.name, {})
    for field in fields(made):
        for value in WRONG:
            try:
                one = made(**{**needed, field.name: value})
            except SpectraError:
                continue
            plain = json.loads(json.dumps(one.settings()))
            assert made.from_settings(plain) == one, (field.name, value)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: xas.Wavelet(points=50), "points = 50; expected two whole numbers (≥ 12)"),
        (lambda: xas.Wavelet(lobes={"a": [3, 20]}), "lobes['a'][0] = 3; expected two num"),
        (lambda: xas.Wavelet(lobe_share=-3), "lobe_share = -3.0; expected 0 to 1"),
        (lambda: xas.Shells(parameters=["s02"]), "parameters = ['s02']; expected a mapping"),
        (lambda: xas.Shells(taper=None), "taper = None; expected a finite number in 1/angstrom"),
        (lambda: xas.Shells(k_weight=(2, 2)), "k_weight = (2.0, 2.0); expected 0 to 5, none twice"),
        (lambda: xas.Shells(k_weight="2"), "k_weight = '2'; expected a list of numbers"),
        (lambda: xas.Background(k_min=5, k_max=3), "k_min = 5 is not below k_max = 3"),
        (lambda: xps.Region(window=(280, 300, 2)), "window = (280, 300, 2); expected two numbers"),
        (lambda: xps.Region(losses=3), "losses = 3; expected a text or four numbers"),
        (
            lambda: xps.Quantify(sensitivity={"V 2p": "a"}),
            "sensitivity['V 2p'] = 'a'; expected a fin",
        ),
        (lambda: raman.Carbon(bands=(2.5,)), "bands[0] = 2.5; expected a whole number"),
        (lambda: raman.Carbon(degree=1.5), "degree = 1.5; expected a list of whole numbers (-1 to"),
        (lambda: raman.Bands(positions=(np.nan,)), "positions[0] = nan; expected a finite number"),
        (lambda: xas.Align(to="men"), "to = 'men'; expected mean, first, standard or tabulated"),
        (lambda: xas.Align(to="men"), "(did you mean mean?)"),
        (lambda: xas.Background(normalize={"e0": []}), "normalize: xas.Normalize: e0 = []"),
        (lambda: xrd.Peaks(threshold=True), "threshold = True; expected a finite number (> 0)"),
    ],
)
def test_wording(make, said):
    text = refusal(make)
    assert text is not None
    assert said in text


def test_numbers_of_numpy_and_lists_are_as_good():
    one = raman.Bands(
        window=np.array([100.0, 900.0]),
        positions=[np.float32(150), 300],
        degree=np.int64(2),
        keep=3,
        looks=np.float64(4.0),
    )
    assert one == raman.Bands(window=(100.0, 900.0), positions=(150.0, 300.0), degree=2, keep=3.0)
    assert json.loads(json.dumps(one.settings()))["positions"] == [150.0, 300.0]
    assert type(one.degree) is type(one.looks) is int
    assert type(one.keep) is type(one.positions[0]) is float
    assert xas.CurveResolution(components=2, closure=np.bool_(False)).closure is False


def test_single_values_need_no_list():
    assert raman.Carbon(bands=2).bands == (2,)
    assert xas.LinearCombination(standards="V2O5").standards == ("V2O5",)
    assert xrd.Cell(phases=Path("a.cif")).phases == ("a.cif",)


def test_unknown_settings_are_told_what_they_may_be():
    with pytest.raises(SettingError, match=r"xrd\.Peaks has no setting treshold; did you mean thr"):
        xrd.Peaks.from_settings({"treshold": 3})


@dataclass(frozen=True, kw_only=True)
class Sample(Settings):
    name: ClassVar[str] = "test.Sample"
    limits: Mapping[str, tuple[Bound, Bound]] = setting(None, "bounds")
    pair: tuple[()] | tuple[float, int] = setting((), "two")
    how: Literal["a", 2] = setting("a", "word or number")


def test_bounds_may_be_infinite_but_not_unknown():
    assert Sample(limits={"a": [-np.inf, 3]}).limits == {"a": (-np.inf, 3.0)}
    with pytest.raises(SettingError, match=r"limits\['a'\]\[1\] = nan; expected a number"):
        Sample(limits={"a": (0, np.nan)})


def test_unions_tell_the_closest():
    assert Sample(pair=[1, 2.0]).pair == (1.0, 2)
    with pytest.raises(SettingError, match=r"pair\[1\] = 2\.5; expected a whole number"):
        Sample(pair=(1, 2.5))
    with pytest.raises(SettingError, match="pair = 3; expected an empty list or a list of"):
        Sample(pair=3)


def test_choices_are_of_their_own_type():
    assert Sample(how=np.int64(2)).how == 2
    for wrong in (2.0, True, "b"):
        with pytest.raises(SettingError, match="expected a or 2"):
            Sample(how=wrong)


def test_long_values_are_cut():
    text = refusal(lambda: raman.Bands(window=list(range(10_000))))
    assert text is not None
    assert len(text) < 300


@pytest.mark.parametrize("hint", [Callable[[], int], type[int], "x"])
def test_annotations_that_cannot_be_checked_are_refused(hint):
    with pytest.raises(TypeError, match="expected one that can be checked"):
        kind_of(hint)


def test_other_notes_of_an_annotation_do_not_matter():
    assert kind_of(Annotated[int, "a note"]).take(3.0) == 3
