"""Whole-pattern refinement of sequences: Pawley, Le Bail, Rietveld."""
