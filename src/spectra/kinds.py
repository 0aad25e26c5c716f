"""What values a setting takes, read off its annotation; the others are told what was expected."""

from __future__ import annotations

import difflib
import math
import os
import sys
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import repeat
from operator import is_
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints
from weakref import WeakKeyDictionary

import numpy as np

from spectra.errors import SettingError

# Of a bound, which may be at infinity.
UNBOUNDED = "may be infinite"
Bound = Annotated[float, UNBOUNDED]

_COUNTS = {2: "two", 3: "three", 4: "four", 5: "five", 6: "six"}
_LONGEST = 80
_PLAIN_DEFAULTS = (bool, int, float, str, tuple)


class UnfitError(Exception):
    """A value is of another kind than an annotation says.

    Parameters
    ----------
    value : object
        What does not fit.
    expected : str
    where : str
        Its place in the whole, such as ``[2]``.
    """

    def __init__(self, value: Any, expected: str, where: str = "") -> None:
        super().__init__(value, expected, where)
        self.value, self.expected, self.where = value, expected, where

    def inside(self, place: Any) -> UnfitError:
        """The same, told by who holds it at that place."""
        return UnfitError(self.value, self.expected, f"[{place!r}]{self.where}")


@dataclass(frozen=True, slots=True)
class Kind:
    """The values that an annotation allows.

    Parameters
    ----------
    take : callable
        Gives the value as the annotation has it (a tuple of a list, a float of an int or a
        scalar of numpy), or raises `UnfitError`.
    one, many : str
        What to call such a value, and several of them.
    claims : type, optional
        A value of this type is meant to be of this kind: if it does not fit, no other will.
    """

    take: Callable[[Any], Any]
    one: str
    many: str
    claims: type[Any] | None = None


_Fields = tuple[tuple[str, Any, Kind], ...]
# Weak, so that classes that are made for a while can go.
_KNOWN: WeakKeyDictionary[type[Any], _Fields] = WeakKeyDictionary()


def take_fields(given: Any, owner: str) -> None:
    """Bring all fields of a frozen dataclass into the form that their annotations say.

    Default values are taken as they are. Annotations are those of numbers (finite; True is none),
    texts, `Literal`, tuples, mappings, classes, and unions of them.

    Parameters
    ----------
    given : dataclass
        While it is made: in its ``__post_init__``.
    owner : str
        Whose fields they are, for the message.

    Raises
    ------
    SettingError
        Naming the owner, the field, the value seen, and what is expected.
    """
    for name, default, kind in _fields_of(type(given)):
        value = getattr(given, name)
        if value is default:
            continue
        try:
            taken = kind.take(value)
        except UnfitError as unfit:
            raise SettingError(_refusal(type(given), owner, name, unfit)) from None
        except SettingError as error:
            raise SettingError(f"{owner}: {name} {error}") from None
        if taken is not value:
            object.__setattr__(given, name, taken)


def take_value(value: Any, hint: Any, where: str) -> Any:
    """A value as an annotation has it, for what is told within a setting.

    Raises
    ------
    SettingError
        Naming the place, the value seen, and what is expected.
    """
    try:
        return kind_of(hint).take(value)
    except UnfitError as unfit:
        raise SettingError(
            f"{where}{unfit.where} = {shown(unfit.value)}; expected {unfit.expected}"
        ) from None


def shown(value: Any) -> str:
    """A value as it stands in a message, cut if it is long."""
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 2]} …"


def _refusal(kind: type[Any], owner: str, name: str, unfit: UnfitError) -> str:
    """What was seen and expected, what the setting means, and an example of it."""
    field = kind.__dataclass_fields__[name]
    unit, within, meaning = (field.metadata.get(k, "") for k in ("unit", "range", "meaning"))
    expected = f"{unfit.expected}{f' in {unit}' if unit else ''}{f' ({within})' if within else ''}"
    parts = [f"{owner}: {name}{unfit.where} = {shown(unfit.value)}", f"expected {expected}"]
    if meaning:
        parts[-1] += f": {meaning}"
    if field.default not in (None, "", ()) and isinstance(field.default, _PLAIN_DEFAULTS):
        parts.append(f"for example {name} = {shown(field.default)}")
    return "; ".join(parts)


def _fields_of(owner: type[Any]) -> _Fields:
    """Name, default and kind of each field, worked out once for a class."""
    if (known := _KNOWN.get(owner)) is None:
        hints = get_type_hints(owner, include_extras=True)
        known = tuple((f.name, f.default, kind_of(hints[f.name])) for f in fields(owner))
        _KNOWN[owner] = known
    return known


def kind_of(hint: Any) -> Kind:
    """The kind of values that an annotation allows.

    Raises
    ------
    TypeError
        For an annotation that cannot be checked.
    """
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _BOUND if UNBOUNDED in args else kind_of(args[0])
    if origin in (Union, types.UnionType):
        return _any_of(tuple(kind_of(a) for a in args))
    if origin is Literal:
        return _one_of(args)
    if origin is tuple:
        if len(args) == 2 and args[1] is Ellipsis:
            return _several(kind_of(args[0]))
        return _as_many(tuple(kind_of(a) for a in args))
    if origin is not None and issubclass(origin, Mapping):
        return _mapping(*(kind_of(a) for a in args))
    if hint in _PLAIN:
        return _PLAIN[hint]
    if isinstance(hint, type):
        return _instance(hint)
    raise TypeError(f"settings cannot be of the type {hint}; expected one that can be checked")


def _plain(value: Any) -> Any:
    """Scalars of numpy as those of Python."""
    scalar = isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0)
    return value.item() if scalar else value


def _take_bound(value: Any) -> float:
    plain = _plain(value)
    if not isinstance(plain, int | float) or isinstance(plain, bool) or plain != plain:
        raise UnfitError(value, "a number")
    if type(plain) is float:
        return plain
    try:
        return float(plain)
    except OverflowError:
        raise UnfitError(value, "a number") from None


def _take_number(value: Any) -> float:
    # At once, as most numbers are such, and lists of them long.
    if type(value) is float and math.isfinite(value):
        return value
    plain = _plain(value)
    if isinstance(plain, int | float) and not isinstance(plain, bool):
        # An int beyond all floats is at infinity too.
        number = _take_bound(plain) if abs(plain) <= _LARGEST else math.inf
        if math.isfinite(number):
            return number
    raise UnfitError(value, "a finite number")


def _take_whole(value: Any) -> int:
    plain = _plain(value)
    whole = isinstance(plain, int) or (isinstance(plain, float) and plain.is_integer())
    if not whole or isinstance(plain, bool) or abs(plain) > _LARGEST_WHOLE:
        raise UnfitError(value, "a whole number")
    return int(plain)


def _take_text(value: Any) -> str:
    if isinstance(value, str):
        return value if type(value) is str else str(value)
    if isinstance(value, os.PathLike):
        return os.fsdecode(value)
    raise UnfitError(value, "a text")


def _take_truth(value: Any) -> bool:
    plain = _plain(value)
    if isinstance(plain, bool):
        return plain
    raise UnfitError(value, "true or false")


def _take_nothing(value: Any) -> None:
    if value is not None:
        raise UnfitError(value, "none")


_LARGEST, _LARGEST_WHOLE = sys.float_info.max, 2**63 - 1
_BOUND = Kind(_take_bound, "a number", "numbers")
_PLAIN: Mapping[Any, Kind] = {
    float: Kind(_take_number, "a finite number", "numbers"),
    int: Kind(_take_whole, "a whole number", "whole numbers"),
    str: Kind(_take_text, "a text", "texts"),
    bool: Kind(_take_truth, "true or false", "truths"),
    type(None): Kind(_take_nothing, "none", "none"),
    Any: Kind(lambda value: value, "anything", "values"),
}


def _instance(wanted: type[Any]) -> Kind:
    """An object; a class with ``as_setting`` makes it of what else may be given."""
    name = getattr(wanted, "name", None)
    called = name if isinstance(name, str) else wanted.__name__
    one = f"{'an' if called[0] in 'AEIOU' else 'a'} {called}"

    make = getattr(wanted, "as_setting", None)

    def take(value: Any) -> Any:
        if isinstance(value, wanted):
            return value
        if make is None or value is None:
            raise UnfitError(value, one)
        return make(value)

    return Kind(take, one, f"{called}s")


def _one_of(values: tuple[Any, ...]) -> Kind:
    words = _or(str(v) for v in values)

    def take(value: Any) -> Any:
        plain = _plain(value)
        for known in values:
            if type(plain) is type(known) and plain == known:
                return known
        near = difflib.get_close_matches(str(plain), [str(v) for v in values], 1)
        raise UnfitError(value, words + (f" (did you mean {near[0]}?)" if near else ""))

    return Kind(take, words, words)


def _any_of(kinds: tuple[Kind, ...]) -> Kind:
    words = _or(k.one for k in kinds)

    def take(value: Any) -> Any:
        closest = UnfitError(value, words)
        for kind in kinds:
            try:
                return kind.take(value)
            except UnfitError as unfit:
                if kind.claims is not None and isinstance(value, kind.claims):
                    closest = unfit
                    break
                if len(unfit.where) > len(closest.where):
                    closest = unfit
        raise closest

    return Kind(take, words, _or(k.many for k in kinds))


def _or(words: Iterable[str]) -> str:
    """Words of a choice: a, b or c."""
    *some, last = dict.fromkeys(words)
    return f"{', '.join(some)} or {last}" if some else last


def _listed(value: Any) -> Sequence[Any] | None:
    """A list, an array and the like as a sequence; None for what is none, such as a text."""
    if isinstance(value, list | tuple):
        return value
    if isinstance(value, np.ndarray) and value.ndim:
        items: list[Any] = value.tolist()
        return items
    if isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray):
        return list(value)
    return None


def _each(kinds: Iterable[Kind], value: Any, items: Sequence[Any]) -> tuple[Any, ...]:
    """Every item as its kind has it; the tuple that was given, if nothing had to be changed."""
    taken: list[Any] = []
    try:
        for kind, item in zip(kinds, items, strict=False):
            taken.append(kind.take(item))
    except UnfitError as unfit:
        raise unfit.inside(len(taken)) from None
    if type(value) is tuple and all(map(is_, value, taken)):
        return value
    return tuple(taken)


def _several(kind: Kind) -> Kind:
    """Any number of values; a single one needs no list."""
    one = f"a list of {kind.many}"

    def take(value: Any) -> tuple[Any, ...]:
        items = _listed(value)
        if items is not None:
            return _each(repeat(kind), value, items)
        try:
            return (kind.take(value),)
        except UnfitError:
            raise UnfitError(value, one) from None

    return Kind(take, one, f"lists of {kind.many}")


def _as_many(kinds: tuple[Kind, ...]) -> Kind:
    """As many values as there are kinds."""
    if not kinds:
        what = "an empty list"
    elif len({k.one for k in kinds}) > 1 or len(kinds) == 1:
        what = "a list of " + ", ".join(k.one for k in kinds)
    else:
        what = f"{_COUNTS.get(len(kinds), str(len(kinds)))} {kinds[0].many}"

    def take(value: Any) -> tuple[Any, ...]:
        items = _listed(value)
        if items is None or len(items) != len(kinds):
            raise UnfitError(value, what)
        return _each(kinds, value, items)

    return Kind(take, what, f"lists of {what}")


def _mapping(names: Kind, kind: Kind) -> Kind:
    what = "" if kind is _PLAIN[Any] else f" of names to {kind.many}"

    def take(value: Any) -> dict[Any, Any]:
        if not isinstance(value, Mapping):
            raise UnfitError(value, f"a mapping{what}")
        taken = {}
        for key, item in value.items():
            try:
                taken[names.take(key)] = kind.take(item)
            except UnfitError as unfit:
                raise unfit.inside(key) from None
        return taken

    return Kind(take, f"a mapping{what}", f"mappings{what}", Mapping)
