"""Settings: what methods and corrections are told, as frozen fields that explain themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from typing import Any, ClassVar, Self

from spectra.errors import SettingError
from spectra.kinds import shown, take_fields
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
    """Named settings that become plain data and are made from them again.

    A class with a ``__post_init__`` of its own calls this one's first: its checks then meet values
    of the kinds that the annotations say.

    Raises
    ------
    SettingError
        For a value of another kind, naming the setting, the value and what is expected.
    """

    name: ClassVar[str]
    """How a recipe calls it, e.g. ``xrd.Peaks``."""

    def __post_init__(self) -> None:
        take_fields(self, self.name)

    @contextmanager
    def naming(self, setting: str) -> Iterator[None]:
        """Errors of what looks at a setting, told with the setting's name."""
        try:
            yield
        except SettingError as error:
            raise SettingError(f"{self.name}: {setting}: {error}") from None

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
        known = sorted(f.name for f in fields(cls))
        if unknown := sorted(map(str, settings.keys() - set(known))):
            near = [n for name in unknown for n in get_close_matches(name, known, 1)]
            meant = f"did you mean {', '.join(near)}? " if near else ""
            raise SettingError(
                f"{cls.name} has no setting {', '.join(unknown)}; {meant}it has {', '.join(known)}"
            )
        return cls(**settings)

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
            raise SettingError(f"{shown(value)} is neither {cls.name} nor its settings")
        return cls.from_settings(dict(value))


def _plain(value: Any) -> Any:
    """Turn a setting into what JSON and TOML can hold."""
    if isinstance(value, tuple | list):
        return [_plain(v) for v in value]
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    to_plain = getattr(value, "to_plain", None)
    return to_plain() if callable(to_plain) else value
