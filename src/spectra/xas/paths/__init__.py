"""Scattering paths of EXAFS: read from FEFF's files, or made by FEFF from a structure."""
