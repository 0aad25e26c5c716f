"""Shapes, widths and intensities of powder lines, and the instruments that make them.

- `tch`: the pseudo-Voigt of given Gaussian and Lorentzian widths.
- `widths`, `stephens`: what the instrument, size and microstrain add to the widths.
- `axial`: axial divergence as shifted positions with weights.
- `intensity`, `texture`: factors on intensities.
- `instrument`, `instrument_files`: the diffractometer, and files that describe it.
"""
