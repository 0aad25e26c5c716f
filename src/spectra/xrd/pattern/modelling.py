"""Settings made into a model of the pattern, and which of its parameters are refined."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spectra.reference import Phase, load_phase
from spectra.results import Results
from spectra.stack import Stack
from spectra.xrd.crystal.reflections import Reflections
from spectra.xrd.pattern.amplitude import Amplitude
from spectra.xrd.pattern.background import Background
from spectra.xrd.pattern.build import (
    Measurement,
    build_model,
    geometry_of,
    list_reflections,
    make_instrument,
    make_shape,
    make_texture,
    typical_fwhm,
)
from spectra.xrd.pattern.model import PatternModel
from spectra.xrd.pattern.phase import PhaseModel
from spectra.xrd.pattern.restraints import Restraints
from spectra.xrd.pattern.settings import PatternSettings
from spectra.xrd.pattern.ties import PatternTies
from spectra.xrd.profile.instrument import Instrument

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class PatternModelling(PatternSettings):
    """What settings mean for a pattern; its children say where intensities come from."""

    @abstractmethod
    def _amplitude(self, phase: Phase, listed: Reflections, instrument: Instrument) -> Amplitude:
        """Give a phase its strengths."""

    @abstractmethod
    def _free(self, phase: PhaseModel) -> tuple[str, ...]:
        """Parameters of the strengths of a phase that are refined."""

    def model_of(self, results: Results) -> PatternModel:
        """The model that some results of this method were refined with."""
        phases = [load_phase(p) for p in results.attrs["phases"]]
        return self._model(Measurement.from_plain(results.attrs["measurement"]), phases)

    def first_model(
        self, source: Stack, phases: list[Phase], x: FloatArray, y: FloatArray
    ) -> tuple[Measurement, PatternModel]:
        """The model before anything is refined, for a first pattern y at x (points,), deg."""
        measurement = self._measurement(source, x, y)
        model = self._starting(self._model(measurement, phases), measurement, y)
        return measurement, self._constrained(model.bounded(self.bounds), phases)

    def _measurement(self, source: Stack, x: FloatArray, y: FloatArray) -> Measurement:
        instrument = make_instrument(
            *(self.name, self.instrument, self.radiation, self.wavelength, self.geometry),
            source.metadata,
        )
        # Axial divergence is cut into as many lines as the values need that are started from.
        known = instrument.values
        started = {n: v for n, v in self.start.items() if n in known}
        if started:
            instrument = instrument.refined_to(started)
        return Measurement(instrument, (float(x[0]), float(x[-1])), typical_fwhm(x, y))

    def _model(self, measurement: Measurement, phases: list[Phase]) -> PatternModel:
        """The model of these phases, its parameters starting where they do by themselves."""
        instrument, limits = measurement.instrument, measurement.limits
        geometry = geometry_of(self.name, instrument, self.corrections, self.radius)
        listed = [
            list_reflections(self.name, p, instrument, limits[1], self.cell_error) for p in phases
        ]
        return build_model(
            geometry,
            phases,
            listed,
            [self._amplitude(p, f, instrument) for p, f in zip(phases, listed, strict=True)],
            widths=[self._widths_of(p.name) for p in phases],
            factors=self.factors,
            shapes=[
                make_shape(p, f, self.uniaxial.get(p.name))
                for p, f in zip(phases, listed, strict=True)
            ],
            textures=[
                make_texture(p, f, self.march_dollase.get(p.name), self.harmonics.get(p.name))
                for p, f in zip(phases, listed, strict=True)
            ],
            background=Background(self.background_degree, self.background_inverse, self.humps),
            limits=limits,
            cell_range=self.cell_range,
            fwhm=measurement.fwhm,
        )

    def _starting(
        self, model: PatternModel, measurement: Measurement, y: FloatArray
    ) -> PatternModel:
        """The model, its parameters starting where they are expected for a pattern y."""
        if self.start:
            model.layout.match(tuple(self.start))
        values = measurement.instrument.values
        if not self.instrument:
            values = {**values, "w": (0.7 * measurement.fwhm) ** 2}
        return model.starting({**values, **_scaled(model, y), **self.start})

    def _constrained(self, model: PatternModel, phases: list[Phase]) -> PatternModel:
        """The same model with ties and restraints, if there are any."""
        if not self.ties and not self.restraints:
            return model
        return replace(
            model,
            ties=PatternTies.of(model.layout, self.ties),
            restraints=Restraints.of(model.layout, phases, model.phases, self.restraints),
        )

    def _chosen(self, model: PatternModel) -> BoolArray:
        """Which parameters (P,) are refined."""
        layout = model.layout
        names = [
            *(f"{p.name}.{c.name}" for p in model.phases for c in p.cell_coefficients),
            *(f"{p.name}.{n}" for p in model.phases for t in p.widths for n in t.names),
            *(f"{p.name}.{n}" for p in model.phases for t in p.factors for n in t.names),
            *(a.name for a in model.aberrations),
            *self.profile,
            *model.background.names,
            *(f"{p.name}.{n}" for p in model.phases for n in self._free(p)),
        ]
        free = layout.match([*names, *self.refine])
        if self.hold:
            free &= ~layout.match(self.hold)
        if model.ties is not None:
            free &= ~model.ties.tied
            free |= model.ties.followers(free)
        return free


def _scaled(model: PatternModel, y: FloatArray) -> dict[str, float]:
    """Start of the background: level, and nothing else."""
    return {model.background.names[0]: float(np.nanpercentile(y, 20))}
