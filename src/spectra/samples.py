"""Samples and their measurements: what a batch works through, read and checked beforehand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from spectra.recipe import Recipe

Value = float | str


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
    values: Mapping[str, Value]
    output: Path
    where: str = ""


@dataclass(frozen=True)
class Sample:
    """A sample: its own values (mass, composition …) and what was measured on it."""

    name: str
    values: Mapping[str, Value]
    measurements: tuple[Measurement, ...]


@dataclass(frozen=True)
class SampleSheet:
    """Everything a batch works through.

    Parameters
    ----------
    title : str
    axis : str
        Variable that the measurements of a sample have in common; "" if there is none.
    path : Path
        The sheet itself.
    folder : Path
        What its paths are relative to.
    output : Path
        Folder of the results.
    samples : tuple of Sample
    """

    title: str
    axis: str
    path: Path
    folder: Path
    output: Path
    samples: tuple[Sample, ...] = field(default=())

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
        For an unknown key, a missing file, a technique without a recipe, two samples of one
        name, naming the place.
    """
    raise NotImplementedError
