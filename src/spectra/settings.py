"""Settings: what methods and corrections are told, as frozen fields that explain themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Self

from spectra.errors import SettingError
from spectra.notebook import small_table

# Of settings whose texts all name files, and of those that do if there is such a file.
A_FILE = ("*",)
ANY_FILE = ("",)


def setting(
    default: Any, meaning: str, *, unit: str = "", within: str = "", files: tuple[str, ...] = ()
) -> Any:
    """Declare a setting with its meaning, unit and allowed range.

    The declaration is what the documentation, error messages and recipes read. Texts that end in
    one of `files` (suffixes with their dots, `A_FILE` or `ANY_FILE`) are paths; those of a recipe
    are relative to it.
    """
    metadata = {"meaning": meaning, "unit": unit, "range": within, "files": files}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Named settings that become plain data and are made from them again."""

    name: ClassVar[str]
    """How a recipe calls it, e.g. ``xrd.Peaks``."""

    def settings(self) -> dict[str, Any]:
        """The settings as plain data, from which `from_settings` makes the same again."""
        return {f.name: _plain(getattr(self, f.name)) for f in fields(self)}

    def to_plain(self) -> dict[str, Any]:
        """The settings, for who holds these in a setting of its own."""
        return self.settings()

    def _repr_html_(self) -> str:
        """Every setting with its value, unit and meaning."""
        rows = [
            (
                f.name,
                getattr(self, f.name),
                f.metadata.get("unit", ""),
                f.metadata.get("meaning", ""),
            )
            for f in fields(self)
        ]
        return small_table(self.name, rows, ("setting", "value", "unit", "meaning"))

    @classmethod
    def from_settings(cls, settings: dict[str, Any]) -> Self:
        """Make it from plain data, as a recipe gives them.

        Raises
        ------
        SettingError
            For an unknown setting, naming the known ones.
        """
        known = {f.name for f in fields(cls)}
        if unknown := settings.keys() - known:
            raise SettingError(
                f"{cls.name} has no setting {', '.join(sorted(unknown))}; "
                f"it has {', '.join(sorted(known))}"
            )
        return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()})

    @classmethod
    def given(cls, value: Self | Mapping[str, Any]) -> Self:
        """Take it as it is, or make it from plain data: for who holds it in a setting.

        Raises
        ------
        SettingError
            For what is neither, or an unknown setting.
        """
        if isinstance(value, cls):
            return value
        if not isinstance(value, Mapping):
            raise SettingError(f"{value!r} is neither {cls.name} nor its settings")
        return cls.from_settings(dict(value))


def _plain(value: Any) -> Any:
    """Turn a setting into what JSON and TOML can hold."""
    if isinstance(value, tuple | list):
        return [_plain(v) for v in value]
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    to_plain = getattr(value, "to_plain", None)
    return to_plain() if callable(to_plain) else value
