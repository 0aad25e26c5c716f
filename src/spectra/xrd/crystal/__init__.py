"""Crystal structures: reflections, scattering, structure factors, symmetry of sites."""
