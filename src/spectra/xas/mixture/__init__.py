"""Mixtures: what a series of spectra is made of, with standards and without."""
