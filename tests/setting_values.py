"""Values of wrong kinds, and what each method and correction needs besides, to be made at all."""

from __future__ import annotations

import contextlib
from dataclasses import fields
from typing import Any

from spectra.errors import SettingError, SpectraError
from spectra.settings import Settings

WRONG: tuple[Any, ...] = (
    *(None, "x", "", 3, -1, 1.5, 10**400, float("nan"), float("inf"), 1j, True, b"x", object()),
    *([], {}, [1, 2, 3], [1.0, 2.0, 3.0, 4.0, 5.0], (2, 2), [float("nan")], [None], [[]], [{}]),
    *([[1, 2], [3]], ["a", "b"], ["x", {}], [{"a": 1}], {"a": [3, 20]}, {"a": "b"}, {"a": {}}),
    *({1: 2}, {"name": 3}),
)
# What TOML can hold.
WRONG_IN_RECIPES: tuple[Any, ...] = (
    *("x", "", 3, -1, 1.5, float("nan"), float("inf"), True, [], {}, [1, 2, 3]),
    *([[1, 2], [3]], ["a", 1], [{"a": 1}], {"a": [3, 20]}, {"a": {"b": 1}}),
)

NEEDED: dict[str, dict[str, Any]] = {
    "xrd.Cell": {"phases": ["V2O5"]},
    "xrd.LeBail": {"phases": ["V2O5"]},
    "xrd.Pawley": {"phases": ["V2O5"]},
    "xrd.Rietveld": {"phases": ["V2O5"]},
    "xrd.Parametric": {
        "refinement": {"phases": ["V2O5"]},
        "functions": {"V2O5.a": "polynomial 1"},
    },
    "xrd.WilliamsonHall": {"peaks": ["p1", "p2"]},
    "xas.CurveResolution": {"components": 2},
    "xas.LinearCombination": {"standards": ["a", "b"]},
    "xas.DeadTime": {"dead_time": 1e-6},
    "xas.OverAbsorption": {"formula": "V2O5"},
    "xas.Shells": {"paths": [{"path": "none"}]},
    "xas.SoftEdge": {
        "peaks": [[513, 519], [519.5, 525]],
        "before": [500, 508],
        "after": [527, 530],
    },
    "xas.Valence": {"standards": {"a": 5, "b": 4}},
    "xps.Region": {"model": "V2p_silversmit"},
    "raman.Response": {"shift": list(range(100, 120)), "measured": list(range(100, 120))},
}
"""Settings without which there is no method, as a recipe holds them."""


def call_with_each(kind: type[Settings], needed: dict[str, Any], source: Any) -> int:
    """Call a method or correction with each value of each setting that it takes: how many.

    Errors other than ours go through, with a note of the setting.
    """
    kind(**needed)(source)
    calls, usual = 0, kind(**needed)
    for field in fields(kind):
        for value in WRONG:
            with contextlib.suppress(SettingError):
                made = kind(**{**needed, field.name: value})
                if made == usual:
                    continue
                calls += 1
                try:
                    made(source)
                except SpectraError:
                    pass
                except Exception as error:
                    error.add_note(f"{kind.name}: {field.name} = {value!r}")
                    raise
    return calls
