"""Recipes: a run described in TOML, checked before anything starts."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import spectra
from spectra.blocks import Part
from spectra.cluster import Workers
from spectra.correction import Correction
from spectra.engine import find_correction, find_method, run, run_part
from spectra.errors import ReaderError, SettingError, StoreError, why_unread
from spectra.filenames import is_part_of_name
from spectra.method import Method
from spectra.nexus import write_file
from spectra.notebook import small_table
from spectra.operando import align, read_cycler
from spectra.readers import read
from spectra.readers.files import find_files
from spectra.recipesettings import RecipeSettings, StepSettings, validated
from spectra.results import Record, Results
from spectra.settings import A_FILE, ANY_FILE, Settings
from spectra.stack import Stack

Kind = TypeVar("Kind", bound=Settings)


# What names a file in a mapping that a setting holds, among what does not.
_NAMES_OF_FILES = ("file", "cif")


@dataclass(frozen=True)
class Recipe:
    """A checked recipe.

    Attributes
    ----------
    settings : RecipeSettings
    folder : Path
        What its paths are relative to.
    methods : dict of str to Method
        By the name of the step.
    corrections : tuple of Correction
        What is done to the stack first, in this order.
    """

    settings: RecipeSettings
    folder: Path
    methods: dict[str, Method]
    corrections: tuple[Correction, ...] = ()

    def path_of(self, name: str) -> Path:
        """Path of a file that the recipe names."""
        return self.folder / name

    @property
    def output(self) -> Path:
        """Path of the results."""
        return self.path_of(self.settings.output)

    def _repr_html_(self) -> str:
        """Its steps, from the files to the results."""
        rows: list[tuple[str, str, object]] = [("stack", "", self.settings.stack.files)]
        rows += [("correction", c.name, c.settings()) for c in self.corrections]
        rows += [(s.name, s.method, f"from {s.input}") for s in self.settings.step]
        rows.append(("results", "", str(self.output)))
        return small_table(self.settings.title or "Recipe", rows, ("step", "method", ""))

    def to_plain(self) -> dict[str, Any]:
        """The recipe as plain data, with its folder, as it is stored in the results."""
        return {**self.settings.model_dump(exclude_none=True), "folder": str(self.folder.resolve())}


def load_recipe(path: str | Path) -> Recipe:
    """Load and check a recipe.

    Raises
    ------
    ReaderError
        If the file is missing or not TOML.
    SettingError
        For an unknown key, a missing file, an unknown method or setting, naming the place.
    """
    path = Path(path)
    return check_recipe(load_toml(path), path.parent, str(path))


def load_toml(path: Path) -> dict[str, Any]:
    """Load a TOML file as plain data.

    Raises
    ------
    ReaderError
        If it is missing or not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ReaderError(path, why_unread(error)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ReaderError(path, f"not TOML ({error})", remedy="mend that line") from None


def check_recipe(data: dict[str, Any], folder: Path, where: str) -> Recipe:
    """Check a recipe given as plain data; paths are relative to `folder`."""
    settings = validated(data, where)
    if not settings.step:
        raise SettingError(f"{where}: no [[step]]; name at least one method")
    methods: dict[str, Method] = {}
    for step in settings.step:
        place = f"{where}, step {step.name!r}"
        if not is_part_of_name(step.name):
            raise SettingError(
                f"{place}: files and groups are called by it; name it with letters that show, "
                "without slashes"
            )
        if step.name in methods or step.name == "stack":
            raise SettingError(f"{place}: the name is taken")
        if step.input != "stack" and step.input not in methods:
            known = ", ".join(["stack", *methods])
            raise SettingError(f"{place}: input {step.input!r} is none of the steps above: {known}")
        extra = dict(step.model_extra or {})
        methods[step.name] = _made(find_method, step.method, extra, folder, place)
    corrections = tuple(
        _made(find_correction, c.correction, dict(c.model_extra or {}), folder, place)
        for place, c in ((f"{where}, correction {i}", c) for i, c in enumerate(settings.correct, 1))
    )
    return Recipe(_with_logs(settings, folder, where), folder, methods, tuple(corrections))


def _with_logs(settings: RecipeSettings, folder: Path, where: str) -> RecipeSettings:
    """The settings, if the logs of the cycler that they name are there."""
    if settings.electrochemistry is not None:
        for name in listed(settings.electrochemistry.file):
            if not (folder / name).is_file():
                raise SettingError(
                    f"{where}: electrochemistry file {folder / name} does not exist; check the path"
                )
    return settings


def for_measurement(recipe: Recipe, changes: dict[str, Any], where: str) -> Recipe:
    """The recipe for another measurement: its methods stay as they were checked.

    Parameters
    ----------
    recipe : Recipe
    changes : dict
        What takes the place of its ``stack``, ``electrochemistry``, ``title``, ``output``.
    where : str
        For messages.

    Raises
    ------
    SettingError
        For an unknown key, a wrong type, or a log of the cycler that is missing.
    """
    settings = validated({**recipe.settings.model_dump(), **changes}, where)
    return replace(recipe, settings=_with_logs(settings, recipe.folder, where))


def named_files(recipe: Recipe) -> list[Path]:
    """Every file that a recipe reads, those of its methods included, each once.

    Raises
    ------
    ReaderError
        If files of its stack are missing.
    """
    stack, chemistry = recipe.settings.stack, recipe.settings.electrochemistry
    found = find_files([recipe.path_of(f) for f in listed(stack.files)])
    found += [recipe.path_of(name) for name in (stack.poni, stack.mask) if name]
    if chemistry is not None:
        found += [recipe.path_of(name) for name in listed(chemistry.file)]
    made = zip(
        (*recipe.methods.values(), *recipe.corrections),
        (*recipe.settings.step, *recipe.settings.correct),
        strict=True,
    )
    for method, settings in made:
        given = settings.model_extra or {}
        for item in fields(method):
            if item.metadata.get("files"):
                found += _files_in(given.get(item.name), recipe.folder)
    return list(dict.fromkeys(found))


def _files_in(value: Any, folder: Path) -> Iterator[Path]:
    """The files among the texts of a setting that `_located` takes for files."""
    if isinstance(value, list):
        for inner in value:
            yield from _files_in(inner, folder)
    elif isinstance(value, dict):
        for key in _NAMES_OF_FILES:
            yield from _files_in(value.get(key), folder)
    elif isinstance(value, str) and value and (folder / value).is_file():
        yield folder / value


def _made(
    find: Callable[[str], type[Kind]],
    name: str,
    settings: dict[str, Any],
    folder: Path,
    place: str,
) -> Kind:
    """A method or correction with its settings, whose files are relative to the recipe."""
    try:
        kind = find(name)
        for field in fields(kind):
            if field.name in settings and (suffixes := field.metadata.get("files")):
                given = settings[field.name]
                settings[field.name] = _located(given, suffixes, folder, field.name)
        return kind.from_settings(settings)
    except SettingError as error:
        raise SettingError(f"{place}: {error}") from None


def run_recipe(
    recipe: Recipe,
    *,
    output: str | Path | None = None,
    workers: Workers = 1,
    progress: bool | None = None,
    resume: bool = False,
    origin: Mapping[str, Any] | None = None,
) -> Record:
    """Run a recipe and write its results.

    Parameters
    ----------
    recipe : Recipe
    output : path, optional
        Instead of the recipe's own.
    workers : int, str or distributed.Client
        As `spectra.run` takes them.
    progress : bool, optional
    resume : bool
        Go on with what a killed run left behind.
    origin : mapping, optional
        Further entries of the record's provenance.

    Returns
    -------
    Record
        Also written to the output.
    """
    target = Path(output) if output is not None else recipe.output
    stack = read_stack(recipe)
    steps: dict[str, Results] = {}
    parts = [_step_output(target, s) for s in recipe.settings.step]
    for step, part in zip(recipe.settings.step, parts, strict=True):
        source: Stack | Results = stack if step.input == "stack" else steps[step.input]
        steps[step.name] = run(
            source,
            recipe.methods[step.name],
            part,
            workers=workers,
            progress=progress,
            resume=resume,
        )
    provenance = {
        "program": "spectra",
        "version": spectra.__version__,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        **(origin or {}),
    }
    record = Record(steps, stack, recipe.to_plain(), provenance)
    try:
        write_file(target, record)
    except StoreError as error:
        error.add_note("all steps are finished and safe beside it: `spectra resume` goes on")
        raise
    for part in parts:
        part.unlink(missing_ok=True)
    return record


def run_recipe_part(
    recipe: Recipe,
    part: Part,
    *,
    output: str | Path | None = None,
    workers: Workers = 1,
    progress: bool | None = None,
) -> dict[str, int]:
    """Work through one part of the blocks of every step that works on the measurements.

    `run_recipe` with ``resume=True`` joins the parts, and does the steps that work on the
    results of others.

    Parameters
    ----------
    recipe, output, workers, progress
        As for `run_recipe`.
    part : Part

    Returns
    -------
    dict of str to int
        Frames done, by the name of the step.
    """
    target = Path(output) if output is not None else recipe.output
    stack = read_stack(recipe)
    return {
        step.name: run_part(
            stack,
            recipe.methods[step.name],
            _step_output(target, step),
            part,
            workers=workers,
            progress=progress,
        )
        for step in recipe.settings.step
        if step.input == "stack"
    }


def _step_output(target: Path, step: StepSettings) -> Path:
    """Where the results of a step stand until all steps are finished."""
    return target.with_name(f"{target.name}.{step.name}.h5")


def replay(record: Record, where: str) -> Recipe:
    """Return the recipe that a record came from, if its inputs are still the same.

    Raises
    ------
    SettingError
        If the record has no recipe, or an input has changed or vanished.
    """
    if not record.recipe:
        raise SettingError(f"{where}: holds no recipe to replay")
    data = dict(record.recipe)
    folder = Path(data.pop("folder"))
    recipe = check_recipe(data, folder, f"{where} (its recipe)")
    before = {i.path: i.sha256 for i in record.stack.inputs} if record.stack else {}
    now = {i.path: i.sha256 for i in read_stack(recipe).inputs}
    for path, digest in before.items():
        if path not in now:
            raise SettingError(f"{where}: the input {path} has vanished")
        if now[path] != digest:
            raise SettingError(f"{where}: the input {path} is not what it was")
    return recipe


def read_stack(recipe: Recipe) -> Stack:
    """Read the spectra of a recipe, correct them and align them with its electrochemistry."""
    settings = recipe.settings.stack.model_dump()
    files = settings.pop("files")
    paths = [str(recipe.path_of(f)) for f in listed(files)]
    for key in ("poni", "mask"):
        if settings[key]:
            settings[key] = str(recipe.path_of(settings[key]))
    stack = read(paths, title=recipe.settings.title, **settings)
    for correction in recipe.corrections:
        stack = correction(stack)
    chemistry = recipe.settings.electrochemistry
    if chemistry is not None:
        options = chemistry.model_dump(exclude={"file", "columns", "max_gap"})
        logs = [recipe.path_of(f) for f in listed(chemistry.file)]
        cycler = read_cycler(logs, columns=chemistry.columns, max_gap=chemistry.max_gap)
        stack = align(stack, cycler, **options)
    return replace(stack, title=recipe.settings.title or stack.title)


def listed(value: Any) -> list[Any]:
    """A list of what is one value or several."""
    return list(value) if isinstance(value, list | tuple) else [value]


def _located(value: Any, suffixes: tuple[str, ...], folder: Path, name: str) -> Any:
    """Texts of a setting that name files, relative to the recipe; other values as they are."""
    if isinstance(value, list):
        return [_located(v, suffixes, folder, name) for v in value]
    if isinstance(value, dict):
        named = {k: v for k, v in value.items() if k in _NAMES_OF_FILES}
        return value | {k: _located(v, suffixes, folder, name) for k, v in named.items()}
    if not isinstance(value, str) or not value:
        return value
    path = folder / value
    if suffixes == ANY_FILE:
        return str(path) if path.is_file() else value
    if suffixes != A_FILE and path.suffix.lower() not in suffixes:
        return value
    if not path.is_file():
        raise SettingError(f"{name} names {path}, which does not exist; check the path")
    return str(path)
