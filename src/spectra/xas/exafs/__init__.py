"""From absorption to χ(k), χ(R) and wavelets."""
