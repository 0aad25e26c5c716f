"""Cyclers' logs: BioLogic, Arbin, LAND, Neware, and tables with units; one module per maker."""

from __future__ import annotations

from spectra.cyclers.read import read_cycler
from spectra.cyclers.record import Cycler

__all__ = ["Cycler", "read_cycler"]
