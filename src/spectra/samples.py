"""Samples and their measurements: what a batch works through, read and checked beforehand."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from spectra.depths import DEPTH, check_depth
from spectra.entries import electrochemistry, located, needed, patterns, plain_value, variable
from spectra.errors import DataWarning, ReaderError, SettingError, SpectraError
from spectra.filenames import slug
from spectra.notebook import small_table
from spectra.readers.files import find_files
from spectra.readers.variables import split_unit
from spectra.recipe import Recipe, check_recipe, for_measurement, load_toml
from spectra.recipesettings import StackSettings
from spectra.sheets import Entry, PlainSheet, read_sheet
from spectra.spelling import meant, misspelt
from spectra.twins import Twins
from spectra.units import convert, is_convertible

Value = float | str
T = TypeVar("T")

_STACK = frozenset(StackSettings.model_fields)
_OWN = ("technique", "files", "recipe", "name", "electrochemistry")
_KNOWN = (*_OWN, *sorted(_STACK - set(_OWN)))
# So many problems of a sheet are told at once.
_MOST_TOLD = 20


@dataclass(frozen=True)
class Measurement:
    """One measurement of a sample, with the recipe that evaluates it.

    Parameters
    ----------
    technique : str
        As the sheet calls it, e.g. ``xanes``.
    name : str
        Technique, with a number where a sample has several of it: ``xanes-2``.
    recipe : Recipe
        That of the technique, with this measurement's files and settings put in.
    recipe_path : Path
    files : tuple of Path
        What was measured, as the sheet's patterns find it.
    values : mapping of str to float or str
        Values of the measurement as a whole; numbers are also variables of every frame.
    output : Path
        Where its results stand.
    where : str
        Its place in the sheet, for messages.
    """

    technique: str
    name: str
    recipe: Recipe
    recipe_path: Path
    files: tuple[Path, ...]
    values: Mapping[str, Value]
    output: Path
    where: str = ""


@dataclass(frozen=True)
class Sample:
    """A sample: its own values (mass, composition …) and what was measured on it."""

    name: str
    values: Mapping[str, Value]
    measurements: tuple[Measurement, ...]

    def _repr_html_(self) -> str:
        rows: list[tuple[str, object, str]] = [(k, v, "") for k, v in self.values.items()]
        rows += [(m.name, f"{len(m.files)} files", str(m.recipe_path)) for m in self.measurements]
        return small_table(self.name, rows, ("", "", "recipe"))


@dataclass(frozen=True)
class SampleSheet:
    """Everything a batch works through.

    Parameters
    ----------
    title : str
    axis : str
        Variable along which measurements compare; "" if the sheet states none.
    path : Path
        The sheet itself.
    folder : Path
        What its paths are relative to.
    output : Path
        Folder of the results.
    samples : tuple of Sample
    units : mapping of str to str
        Of the values, where columns or keys state one: ``mass [mg]`` is the value ``mass``.
    """

    title: str
    axis: str
    path: Path
    folder: Path
    output: Path
    samples: tuple[Sample, ...] = field(default=())
    units: Mapping[str, str] = field(default_factory=dict)

    def measurements(self) -> Iterator[tuple[Sample, Measurement]]:
        """Every measurement with its sample, in the order of the sheet."""
        for sample in self.samples:
            for measurement in sample.measurements:
                yield sample, measurement

    def sample(self, name: str) -> Sample:
        """The sample of a name.

        Raises
        ------
        KeyError
            If there is none.
        """
        for sample in self.samples:
            if sample.name == name:
                return sample
        raise KeyError(name)

    def _repr_html_(self) -> str:
        rows = [(s.name, ", ".join(m.name for m in s.measurements)) for s in self.samples]
        return small_table(self.title or "Samples", rows, ("sample", "measurements"))


def load_samples(path: str | Path, *, output: str | Path | None = None) -> SampleSheet:
    """Read a sheet of samples (TOML, CSV or XLSX) and check all of it.

    Parameters
    ----------
    path : path
    output : path, optional
        Folder of the results, instead of the sheet's own.

    Raises
    ------
    ReaderError
        If the sheet is missing or not of its format.
    SettingError
        For unknown keys, missing files, techniques without a recipe, samples of one name: all
        that is wrong, each with its place.
    """
    plain = read_sheet(path)
    folder = plain.path.parent
    stated = plain.head.get("output", "results")
    target = Path(output) if output is not None else folder / str(stated)
    problems: list[str] = []
    work = _Loader(plain, target, problems)
    samples = tuple(work.samples())
    work.words()
    axis = work.axis()
    if problems:
        told = problems[:_MOST_TOLD]
        if len(problems) > len(told):
            told.append(f"and {len(problems) - len(told)} more")
        raise SettingError("\n".join(told))
    title = str(plain.head.get("title", "")) or plain.path.stem
    return SampleSheet(title, axis, plain.path, folder, target, samples, dict(work.units))


class _Loader:
    """Makes samples of a plain sheet and collects what is wrong with it."""

    def __init__(self, plain: PlainSheet, output: Path, problems: list[str]) -> None:
        self._plain, self._output, self._problems = plain, output, problems
        self._recipes: dict[Path, _Template | SpectraError] = {}
        self._variables: dict[str, list[str]] = {}
        self._texts: dict[str, list[tuple[str, str, str]]] = {}
        self._numbers: dict[str, str] = {}
        self._techniques: dict[str, None] = {}
        self._twins = Twins()
        self.units: dict[str, str] = {}

    def samples(self) -> Iterator[Sample]:
        """Each sample, as far as it can be made."""
        by_name: dict[str, list[Entry]] = {name: [] for name in self._plain.samples}
        for entry in self._plain.entries:
            by_name.setdefault(entry.sample, []).append(entry)
        folders: dict[str, str] = {}
        for name, entries in by_name.items():
            other = folders.setdefault(slug(name).casefold(), name)
            if other != name:
                self._problems.append(
                    f"{self._plain.path}: samples {other!r} and {name!r} would share a folder; "
                    "give one another name"
                )
            if not entries:
                self._problems.append(
                    f"{self._plain.path}, sample {name!r}: it has no measurement; "
                    "add [[sample.measurement]]"
                )
            yield self._sample(name, entries)

    def _sample(self, name: str, entries: list[Entry]) -> Sample:
        values: dict[str, Value] = {}
        for key, value in self._plain.samples.get(name, {}).items():
            if isinstance(value, list | dict):
                where = f"{self._plain.path}, sample {name!r}, key {key!r}"
                self._problems.append(f"{where}: it is {value!r}; expected a number or a text")
                continue
            values |= self._value(key, plain_value(value))
            self._note_value(key, value, f"{self._plain.path}, sample {name!r}, key {key!r}")
        made: dict[str, Measurement] = {}
        for entry in entries:
            try:
                one = self._measurement(entry, made)
            except SpectraError as error:
                self._problems.append(str(error))
                continue
            made[slug(one.name).casefold()] = one
            self._warn_of_twin(name, one)
        shared = _shared(made.values()) if entries and entries[0].columns else {}
        return Sample(name, {**shared, **values}, tuple(made.values()))

    def _measurement(self, entry: Entry, before: Mapping[str, Measurement]) -> Measurement:
        for key in entry.keys:
            if key not in _KNOWN and (hint := misspelt(split_unit(key)[0], _KNOWN)):
                raise SettingError(
                    f"{entry.place(key)}: unknown; {hint} (if a variable is meant, give it "
                    "another name)"
                )
        problems: list[str] = []
        found = _noted(problems, lambda: _files_of(entry))
        own = _noted(problems, lambda: self._recipe_of(entry))
        stated = self._stated(entry, problems)
        if problems or found is None or own is None:
            raise SettingError("\n".join(problems))
        technique, recipe_path, template = own
        recipe, (named, files), (settings, variables, values) = template.recipe, found, stated
        name = _name_of(entry, technique, before)
        place = self._output / slug(entry.sample) / f"{slug(name)}.h5"
        own_variables = {**template.stack.get("variables", {}), **variables}
        stack = {**template.stack, **settings, "files": named, "variables": own_variables}
        title = f"{entry.sample}: {recipe.settings.title or technique}"
        changes = {"stack": stack, "title": title, "output": str(place.absolute())}
        if chemistry := {**template.electrochemistry, **electrochemistry(entry)}:
            changes["electrochemistry"] = chemistry
        made = for_measurement(recipe, changes, entry.where)
        return Measurement(technique, name, made, recipe_path, files, values, place, entry.where)

    def _stated(
        self, entry: Entry, problems: list[str]
    ) -> tuple[dict[str, Any], dict[str, Any], dict[str, Value]]:
        """Settings of the stack, variables and values that a measurement states."""
        settings: dict[str, Any] = {}
        variables: dict[str, Any] = {}
        values: dict[str, Value] = {}
        for key, value in entry.keys.items():
            if key == "variables":
                variables |= value if isinstance(value, dict) else {}
            elif key in _STACK and key != "files":
                settings[key] = _noted(problems, partial(located, key, value, entry))
            elif key not in _OWN:
                given = _noted(problems, partial(variable, entry, key, value))
                if given is None:
                    continue
                self._note_value(key, given, entry.place(key))
                if not isinstance(given, str):
                    variables[key] = given
                    self._variables.setdefault(split_unit(key)[0], []).append(entry.where)
                if not isinstance(given, list):
                    values |= self._value(key, given)
        _noted(problems, lambda: check_depth(values, entry.place(DEPTH)))
        return settings, variables, values

    def _note_value(self, key: str, given: Any, place: str) -> None:
        """Remember who states a name as a number, and who as a text."""
        name, unit = split_unit(key)
        if isinstance(given, str):
            self._texts.setdefault(name, []).append((place, given, "" if key == name else unit))
        else:
            self._numbers.setdefault(name, place)

    def _value(self, key: str, given: Value) -> dict[str, Value]:
        """A value by its name, in the unit that the name has before; else by the whole key."""
        name, unit = split_unit(key)
        if isinstance(given, str):
            return {name: given}
        known = self.units.setdefault(name, unit)
        if unit == known:
            return {name: given}
        if is_convertible(unit, known):
            return {name: float(convert(given, unit, known))}
        return {key: given}

    def _recipe_of(self, entry: Entry) -> tuple[str, Path, _Template]:
        """The technique, as it was spelt first, and its recipe."""
        recipes = self._plain.head.get("recipes", {})
        technique = needed(entry, "technique")
        spelt = {name.casefold(): name for name in reversed([*recipes, *self._techniques])}
        technique = spelt.get(technique.casefold(), technique)
        self._techniques.setdefault(technique)
        if "recipe" in entry.keys:
            path = entry.folder / needed(entry, "recipe")
        elif technique in recipes:
            path = self._plain.path.parent / str(recipes[technique])
        else:
            hint = meant(technique, recipes)
            if not recipes:
                hint = "name one in a column 'recipe', or in [recipes] of a TOML file whose "
                hint += f"'sheet' is {self._plain.path.name}"
            if not recipes and not entry.columns:
                hint = f'name one: [recipes] with {technique} = "file.toml"'
            raise SettingError(f"{entry.place('technique')}: {technique!r} has no recipe; {hint}")
        if path not in self._recipes:
            try:
                self._recipes[path] = _template(path)
            except SpectraError as error:
                self._recipes[path] = error
        found = self._recipes[path]
        if isinstance(found, SpectraError):
            raise SettingError(f"{entry.where}, recipe of {technique!r}: {found}")
        return technique, path, found

    def _warn_of_twin(self, sample: str, one: Measurement) -> None:
        """Warn of files that are there twice, read and evaluated in the same way."""
        own = one.recipe.settings.stack.model_dump(exclude={"variables", "files"})
        way = (one.technique, str(one.recipe_path), repr(sorted(own.items())))
        if told := self._twins.add(sample, one.name, one.files, way):
            warnings.warn(f"{one.where}: {told}", DataWarning, stacklevel=2)

    def words(self) -> None:
        """Refuse words where numbers are expected: others, or a unit, say so."""
        for name, found in self._texts.items():
            if name == DEPTH:  # a word or a number, and checked as such
                continue
            for place, text, unit in found:
                if name in self._numbers:
                    why = f"others have numbers there ({self._numbers[name]})"
                elif unit:
                    why = f"its name states the unit {unit}"
                else:
                    continue
                self._problems.append(
                    f"{place}: it is {text!r}, but {why}; expected a number, with its unit in the "
                    "name of the key, or no cell where it is not known"
                )

    def axis(self) -> str:
        """The variable that is asked for, or the first that two measurements have, or one."""
        for name, places in self._variables.items():
            commoner = [n for n, p in self._variables.items() if len(p) > len(places)]
            if hint := misspelt(name, commoner):
                self._problems.append(f"{places[0]}: variable {name!r} is rare; {hint}")
        asked = self._plain.head.get("axis", "")
        if not isinstance(asked, str):
            self._problems.append(f"{self._plain.path}, key 'axis': it is {asked!r}; not a text")
            return ""
        if asked and (hint := misspelt(asked, self._variables)):
            self._problems.append(f"{self._plain.path}, key 'axis': no variable {asked!r}; {hint}")
        several = (name for name, places in self._variables.items() if len(places) > 1)
        return asked or next(several, next(iter(self._variables), ""))


@dataclass(frozen=True)
class _Template:
    """The recipe of a technique, and what it says of files that a measurement may replace."""

    recipe: Recipe
    stack: Mapping[str, Any]
    electrochemistry: Mapping[str, Any]


def _template(path: Path) -> _Template:
    """The recipe without its files and its log: these are checked with each measurement."""
    data = load_toml(path)
    stack, chemistry = data.get("stack", {}), data.pop("electrochemistry", {})
    for key, part in (("stack", stack), ("electrochemistry", chemistry)):
        if not isinstance(part, dict):
            raise SettingError(f"{path}, key {key!r}: it is {part!r}; expected a table")
    stack = {"files": [], **stack}
    recipe = check_recipe({**data, "stack": stack}, path.parent.absolute(), str(path))
    return _Template(recipe, stack, chemistry)


def _noted(problems: list[str], ask: Callable[[], T]) -> T | None:
    """An answer, or None with what is wrong among the problems."""
    try:
        return ask()
    except SpectraError as error:
        problems.append(str(error))
        return None


def _files_of(entry: Entry) -> tuple[list[str], tuple[Path, ...]]:
    """The files of a measurement as they are stated, and as they are found."""
    named = patterns(entry)
    try:
        return named, tuple(find_files(named))
    except ReaderError as error:
        raise SettingError(f"{entry.place('files')}: {error}") from None


def _name_of(entry: Entry, technique: str, before: Mapping[str, Measurement]) -> str:
    """The name that is stated, or the technique with its number among those of the sample."""
    if "name" in entry.keys:
        name = needed(entry, "name")
        if other := before.get(slug(name).casefold()):
            raise SettingError(f"{entry.place('name')}: {name!r} is that of {other.where}")
        return name
    number = 1 + sum(m.technique == technique for m in before.values())
    name = technique if number == 1 else f"{technique}-{number}"
    while slug(name).casefold() in before:
        number += 1
        name = f"{technique}-{number}"
    return name


def _shared(measurements: Iterable[Measurement]) -> dict[str, Value]:
    """Values that all measurements of a sample have alike: those of the sample, in a table."""
    several = [m.values for m in measurements]
    if not several:
        return {}
    return {
        key: value
        for key, value in several[0].items()
        if all(key in v and _same(v[key], value) for v in several)
    }


def _same(one: Value, other: Value) -> bool:
    both = isinstance(one, float) and isinstance(other, float)
    return one == other or (both and math.isnan(float(one)) and math.isnan(float(other)))
