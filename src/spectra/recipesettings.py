"""What a recipe may say, key by key, and what is told of one that says something else."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from spectra.errors import SettingError


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class StackSettings(_Strict):
    """What `spectra.read` takes."""

    files: str | list[str]
    format: str | None = None
    wavelength: float | None = None
    anode: str | None = None
    axis: str | None = None
    laser: float | None = None
    signal: str = ""
    channels: dict[str, str] = Field(default_factory=dict)
    energy: str = ""
    quantity: str = ""
    entry: str | list[str] = ""
    noise: str | None = None
    regrid: bool | None = None
    poni: str | None = None
    mask: str = ""
    n_points: int = 3000
    unit: str = "2th_deg"
    variables: dict[str, float | list[float] | str] = Field(default_factory=dict)
    metadata: dict[str, Any] = Field(default_factory=dict)


class ElectrochemistrySettings(_Strict):
    """What `spectra.operando.read_cycler` and `align` take."""

    file: str | list[str]
    columns: dict[str, str] = Field(default_factory=dict)
    max_gap: float | None = None
    offset: float | None = None
    offset_stderr: float = 0.0
    exposure: float | None = None
    mass: float | None = None
    mass_stderr: float = 0.0
    molar_mass: float | None = None
    formula: str = ""
    x_start: float = 0.0
    electrons: float = 1.0
    time: str = "time"


class ReportSettings(_Strict):
    """Where reports go, relative to the recipe."""

    file: str = "report.html"
    tables: str = ""
    figures: str = ""


class CorrectionSettings(BaseModel):
    """A correction of the stack and its settings."""

    model_config = ConfigDict(extra="allow")
    correction: str


class StepSettings(BaseModel):
    """A method and its settings."""

    model_config = ConfigDict(extra="allow")
    name: str
    method: str
    input: str = "stack"


class RecipeSettings(_Strict):
    """The whole recipe."""

    title: str = ""
    output: str = "results.h5"
    stack: StackSettings
    correct: list[CorrectionSettings] = Field(default_factory=list)
    electrochemistry: ElectrochemistrySettings | None = None
    step: list[StepSettings]
    report: ReportSettings | None = None


def validated(data: dict[str, Any], where: str) -> RecipeSettings:
    """The settings of a recipe, from plain data.

    Raises
    ------
    SettingError
        Naming `where`, the key, what is wrong with it and what may be meant.
    """
    try:
        return RecipeSettings.model_validate(data)
    except ValidationError as error:
        raise SettingError(f"{where}: {'; '.join(_lines(error))}") from None


def _lines(error: ValidationError) -> Iterator[str]:
    sections: dict[str, type[BaseModel]] = {
        "stack": StackSettings,
        "electrochemistry": ElectrochemistrySettings,
        "report": ReportSettings,
    }
    for item in error.errors()[:5]:
        place = ".".join(str(p) for p in item["loc"])
        if item["type"] != "extra_forbidden":
            yield f"{place}: {item['msg'].lower()} (it is {item['input']!r})"
            continue
        model: type[BaseModel] = sections.get(str(item["loc"][0]), RecipeSettings)
        model = RecipeSettings if len(item["loc"]) == 1 else model
        near = difflib.get_close_matches(str(item["loc"][-1]), model.model_fields, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(model.model_fields)}"
        yield f"{place}: unknown key; {hint}"
