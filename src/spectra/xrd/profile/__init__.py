"""Shapes, widths and intensities of powder lines, and the instruments that make them."""
