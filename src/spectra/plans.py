"""The steps of a recipe put to frames as they come, with plans made of the frames so far.

A method's plan is made of a whole sequence, of which only the beginning is there. So it is
made of the frames so far, and a new frame is worked on as the last of them; it is made again
as the sequence grows, and when frames stop being understood.
"""

from __future__ import annotations

import warnings
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectra.blocks import Source, fit_block, one_thread
from spectra.errors import SettingError, SpectraError, SpectraWarning
from spectra.method import Method
from spectra.provenance import describe_run
from spectra.recipe import Recipe
from spectra.results import Results
from spectra.stack import Stack

_MOST_KEPT = 64
_LOST_IN_A_ROW = 5
_MOST_TOGETHER = 16
_LONGEST_USE = 400


@dataclass(frozen=True)
class _Planned:
    """A method with a plan made of some frames, and what these gave."""

    method: Method
    plan: Any
    of_sample: Results

    def fit(self, source: Source) -> Results:
        """Work on new frames as if they were the last of the sample."""
        n = len(self.of_sample)
        size = len(source)
        if type(self.method).narrow is not Method.narrow:
            size = min(size, n, _MOST_TOGETHER)
        found = Results.concatenate(
            fit_block(self.method, block, self.method.narrow(self.plan, n - len(block), n))
            for _, block in source.blocks(size)
        )
        attrs = {**self.of_sample.attrs, **found.attrs}
        return replace(found, attrs=attrs, provenance=self.of_sample.provenance)

    def understood(self, found: Results) -> NDArray[np.bool_]:
        """Which frames gave trusted numbers, and as many as the last frame of the sample."""
        expected = _count_numbers(self.of_sample)[-1]
        return np.asarray(found.ok() & (_count_numbers(found) >= expected))


def _count_numbers(results: Results) -> NDArray[np.intp]:
    """How many numbers each frame has."""
    counts = np.zeros(len(results), np.intp)
    for values in results.columns.values():
        if values.dtype.kind == "f":
            counts += np.isfinite(values.reshape(len(results), -1)).sum(axis=1)
    return counts


_Made = tuple[dict[str, _Planned], dict[str, str]]


@dataclass
class Plans:
    """The plans of all steps of a recipe, and the frames of which they were made.

    Parameters
    ----------
    recipe : Recipe
    executor : Executor, optional
        A thread in which plans are made again, while frames are worked on with those there are.

    Attributes
    ----------
    n_made : int
        How often plans were made.
    problems : dict of str to str
        Why a step has no plan yet, by its name.
    """

    recipe: Recipe
    executor: Executor | None = None
    n_made: int = 0
    problems: dict[str, str] = field(default_factory=dict)
    _planned: dict[str, _Planned] = field(default_factory=dict)
    _sample: Stack | None = None
    _n_frames: int = 0
    _due: int = 1
    _lost: int = 0
    _making: Future[_Made] | None = None

    def samples(self) -> dict[str, Results]:
        """What the steps that have a plan made of the frames of which it was made."""
        return {name: planned.of_sample for name, planned in self._planned.items()}

    def add(self, stack: Stack) -> None:
        """Take frames into the sample, without working on them; corrected ones."""
        self._n_frames += len(stack)
        joined = stack if self._sample is None else join(self._sample, stack)
        if len(joined) > _MOST_KEPT:
            # The newest frame stays last: new ones are worked on as its like.
            keep = np.unique(np.linspace(0, len(joined) - 1, _MOST_KEPT).round().astype(int))
            joined = joined[keep].load()
        self._sample = joined

    def correct(self, stack: Stack) -> Stack:
        """New frames after the recipe's corrections, made with the sample before them.

        Raises
        ------
        SettingError
            If a correction joins frames, so that none can be told apart.
        """
        for correction in self.recipe.corrections:
            before = len(stack)
            with quiet():
                stack = correction(stack)
            if len(stack) != before:
                raise SettingError(
                    f"{correction.name} makes {len(stack)} of {before} frames: such a "
                    "recipe cannot be watched; leave the correction out of the recipe for the watch"
                )
        return stack

    def work_on(self, stack: Stack) -> dict[str, Results]:
        """Results of corrected new frames by step; steps without a plan are left out."""
        self.add(stack)
        self._renew()
        found: dict[str, Results] = {}
        with one_thread(), quiet():
            for step in self.recipe.settings.step:
                source: Source | None = stack if step.input == "stack" else found.get(step.input)
                planned = self._planned.get(step.name)
                if source is not None and planned is not None:
                    found[step.name] = planned.fit(source)
        understood = [self._planned[name].understood(r) for name, r in found.items()]
        for good in np.all(understood, axis=0).tolist() if understood else []:
            self._lost = min(self._lost + 1, 0) if good else self._lost + 1
        return found

    def _renew(self) -> None:
        """Take the plans that have been made meanwhile, and have them made anew if need be."""
        if self._making is not None and self._making.done():
            self._take(self._making.result())
            self._making = None
        due = self._n_frames >= self._due or self._lost >= _LOST_IN_A_ROW
        if not due or self._making is not None:
            return
        assert self._sample is not None
        n = self._n_frames
        self._due = n + min(max(1, n), _LONGEST_USE)
        # Frames that nobody can understand must not have plans made without end.
        self._lost = -min(n // 4, _LONGEST_USE)
        if self.executor is None or not self._planned:
            with one_thread(), quiet():
                self._take(_make(self.recipe, self._sample))
        else:
            self._making = self.executor.submit(_make, self.recipe, self._sample)

    def _take(self, made: _Made) -> None:
        self._planned, self.problems = made
        self.n_made += 1
        if any(name not in self._planned for name in self.recipe.methods):
            self._due = self._n_frames + 1


def _make(recipe: Recipe, sample: Stack) -> _Made:
    """Plans of all steps, and why others have none."""
    planned: dict[str, _Planned] = {}
    problems: dict[str, str] = {}
    for step in recipe.settings.step:
        source: Source = sample
        if step.input != "stack":
            if step.input not in planned:
                problems[step.name] = f"waits for {step.input}"
                continue
            source = planned[step.input].of_sample
        try:
            planned[step.name] = _plan(recipe.methods[step.name], source)
        except (SpectraError, ArithmeticError, LookupError, ValueError) as error:
            problems[step.name] = f"no plan from {len(source)} frames yet: {error}"
    return planned, problems


def _plan(method: Method, sample: Source) -> _Planned:
    started, n = datetime.now(UTC), len(sample)
    plan = method.prepare(sample)
    results = fit_block(method, sample, method.narrow(plan, 0, n))
    told = describe_run(sample, method, started=started, block_size=n, workers=1)
    return _Planned(method, plan, method.conclude(replace(results, provenance=told)))


def join(first: Stack, second: Stack) -> Stack:
    """Two stacks on one axis; what only one of them has is left out."""
    a, b = first.load(), second.load()
    errors = None
    if a.errors is not None and b.errors is not None:
        errors = np.concatenate([np.asarray(a.errors), np.asarray(b.errors)])
    channels = {
        k: np.concatenate([np.asarray(a.channels[k]), np.asarray(b.channels[k])])
        for k in a.channels
        if k in b.channels
    }
    variables = {}
    for name in a.variables.keys() & b.variables.keys():
        one, other = a.variables[name], b.variables[name]
        values = np.concatenate([one.values, other.values])
        variables[name] = replace(one, values=values, stderr=None)
    return replace(
        a,
        signal=np.concatenate([np.asarray(a.signal), np.asarray(b.signal)]),
        errors=errors,
        channels=channels,
        variables=variables,
        names=(*a.names, *b.names),
        status=np.concatenate([a.status, b.status]),
        messages=(*a.messages, *b.messages),
    )


def quiet() -> warnings.catch_warnings[None]:
    """Without warnings of ours: they would come with every frame, and again at the end."""
    return warnings.catch_warnings(action="ignore", category=SpectraWarning)
