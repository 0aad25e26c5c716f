"""Corrections of absorption spectra: energies, glitches, steps, dead time, grids, repeats."""
