"""Axial divergence as its paper writes it, integrated over the angle by brute force."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from scipy.integrate import quad

from spectra.fit.lineshapes import get_profile

TCH = get_profile("tch")


def smeared(two_theta, s_l, h_l, gamma_g, gamma_l, offsets):
    """Profile at 2θ + offsets (deg) as Finger, Cox and Jephcoat integrate it."""
    mirror = two_theta > 90.0
    angle = np.radians(180.0 - two_theta if mirror else two_theta)

    def edge(height):
        return np.arccos(min(np.cos(angle) * np.sqrt(height**2 + 1.0), 1.0))

    lowest, bend = edge(s_l + h_l), edge(s_l - h_l)

    def density(r):
        phi = angle - r * r
        # cos²2φ/cos²2θ − 1, without its loss of digits
        h = np.sqrt(np.sin(r * r) * np.sin(angle + phi)) / np.cos(angle)
        pairs = s_l + h_l - h if phi < bend else 2.0 * min(s_l, h_l)
        return pairs / (h * np.cos(phi))

    def integral(function):
        """Over 2φ = 2θ − r², as the density grows like 1/r."""
        ends = np.sqrt(np.maximum(angle - np.array([angle, bend, lowest]), 0.0))
        total = 0.0
        for a, b in pairwise(ends):
            if b > a:
                cuts = np.linspace(a, b, 9)
                for c, d in pairwise(cuts):
                    total += quad(
                        lambda r: function(angle - r * r) * 2.0 * r * density(r),
                        *(c, d),
                        **{"epsabs": 0.0, "epsrel": 1e-10, "limit": 200},
                    )[0]
        return total

    norm = integral(lambda phi: 1.0)
    out = []
    for offset in offsets:
        sign = -1.0 if mirror else 1.0

        def line(phi, at=sign * offset):
            shift = np.degrees(phi - angle)
            return float(TCH.value(at - shift, 0.0, gamma_g, gamma_l))

        out.append(integral(line) / norm)
    return np.array(out)
