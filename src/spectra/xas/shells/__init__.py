"""Shells of neighbours fitted to EXAFS: distances, numbers and disorder, over whole sequences."""
