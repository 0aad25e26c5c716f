"""How a measured number is written with its uncertainty."""

from __future__ import annotations

import math

# Beyond this an uncertainty says that nothing is known, and its digits say nothing more.
_MOST_DIGITS = 12
_USUAL_DIGITS = 5
# Larger whole numbers are measured and not counted.
_MOST_COUNTED = 1e9


def with_uncertainty(value: float, stderr: float) -> str:
    """A value and its standard uncertainty in the short notation of the GUM (7.2.2).

    Crystallography's "rule of 19": the uncertainty keeps two digits where they are 19 or
    less, and one otherwise. An unknown one is left out.

    Examples
    --------
    >>> with_uncertainty(8.680312, 0.00012)
    '8.68031(12)'
    >>> with_uncertainty(325.5821, 0.0072)
    '325.582(7)'
    >>> with_uncertainty(-0.00001, 0.0006)
    '0.0000(6)'
    >>> with_uncertainty(-0.0004, 0.03)
    '0.00(3)'
    >>> with_uncertainty(float("nan"), 1.0)
    '–'
    """
    if not math.isfinite(value):
        return "–"
    if not math.isfinite(stderr) or stderr <= 0.0:
        return f"{value:.7g}"
    exponent = math.floor(math.log10(stderr))
    digits = round(stderr / 10.0 ** (exponent - 1))
    if digits > 19:
        digits = round(stderr / 10.0**exponent)
        places = -exponent
    else:
        places = 1 - exponent
    if places > _MOST_DIGITS:
        return f"{value:.{_MOST_DIGITS}g}"
    if places <= 0:
        scale = 10 ** (-places)
        return f"{round(value / scale) * scale:d}({digits * scale:d})"
    # Adding zero turns the −0 that rounding leaves into 0.
    return f"{round(float(value), places) + 0.0:.{places}f}({digits:d})"


def with_digits(value: float, resolution: float) -> str:
    """A value whose uncertainty is not known, in the digits that its neighbours can confirm.

    Parameters
    ----------
    value : float
    resolution : float
        How much it differs from its neighbours in a sequence; 0 or NaN if that is not known:
        it then has five digits.

    Examples
    --------
    >>> with_digits(1.0234567, 0.08), with_digits(5469.8123, 0.3), with_digits(1.0234567, 0.0)
    ('1.023', '5469.81', '1.0235')
    >>> with_digits(12.0, 0.0), with_digits(3.21e-7, 1e-8), with_digits(float("nan"), 1.0)
    ('12', '3.21e-07', '–')
    """
    if not math.isfinite(value):
        return "–"
    if value == round(value) and abs(value) < _MOST_COUNTED:
        return f"{value:.0f}"
    ahead = math.floor(math.log10(abs(value))) + 1
    digits = _USUAL_DIGITS
    if math.isfinite(resolution) and resolution > 0.0:
        digits = min(max(ahead + 1 - math.floor(math.log10(resolution)), 3), 9)
    return f"{value:.{max(digits, min(ahead, 9))}g}"
