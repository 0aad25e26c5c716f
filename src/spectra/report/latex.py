"""Tables and texts as LaTeX that needs no package."""

from __future__ import annotations

import re

_SIGNS = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"$<$",
    ">": r"$>$",
    "|": r"$|$",
    "−": r"$-$",
    "–": "--",
    "…": r"\dots{}",
    "°": r"$^\circ$",
    "Å": r"\AA{}",
    "·": r"$\cdot$",
    "×": r"$\times$",
    "±": r"$\pm$",
    "→": r"$\to$",
    "Δ": r"$\Delta$",
    "Γ": r"$\Gamma$",
    "Θ": r"$\Theta$",
    "Λ": r"$\Lambda$",
    "Σ": r"$\Sigma$",
    "Φ": r"$\Phi$",
    "Ω": r"$\Omega$",
    "\N{OHM SIGN}": r"$\Omega$",
    "\N{MICRO SIGN}": r"$\mu$",
    "\N{ANGSTROM SIGN}": r"\AA{}",
    "≈": r"$\approx$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "≠": r"$\neq$",
    "∞": r"$\infty$",
    "√": r"$\surd$",
    "′": r"$'$",
}
_GREEK = dict(
    zip(
        "αβγδεζηθκλμνξπρστφχψω",
        [
            "alpha",
            "beta",
            "gamma",
            "delta",
            "epsilon",
            "zeta",
            "eta",
            "theta",
            "kappa",
            "lambda",
            "mu",
            "nu",
            "xi",
            "pi",
            "rho",
            "sigma",
            "tau",
            "phi",
            "chi",
            "psi",
            "omega",
        ],
        strict=True,
    )
)
_SIGNS |= {sign: rf"$\{name}$" for sign, name in _GREEK.items()}
_RAISED = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", "0123456789+-", strict=True))
_LOWERED = dict(zip("₀₁₂₃₄₅₆₇₈₉", "0123456789", strict=True))
# Of a single letter: other names, such as that of a sample, are no symbols with an index.
_LETTERS_BELOW = re.compile(r"(?<=\b[A-Za-z])_([A-Za-z0-9])\b")


def latex_text(text: str) -> str:
    r"""A text with everything escaped that LaTeX would take for a command.

    Examples
    --------
    >>> latex_text("I_D/I_G"), latex_text("5 % of a_long_name"), latex_text("Å³")
    ('I$_{D}$/I$_{G}$', '5 \\% of a\\_long\\_name', '\\AA{}$^{3}$')
    >>> latex_text("KVO_1")
    'KVO\\_1'
    """
    out = []
    end = 0
    for found in _LETTERS_BELOW.finditer(text):
        out += [_escaped(text[end : found.start()]), f"$_{{{found[1]}}}$"]
        end = found.end()
    return "".join((*out, _escaped(text[end:])))


def _escaped(text: str) -> str:
    text = "".join(_SIGNS.get(c, c) for c in text.replace("\n", " "))
    # An underscore that is no index; those of the signs above stand within $.
    text = re.sub(r"_", r"\\_", text)
    for table, mark in ((_RAISED, "^"), (_LOWERED, "_")):
        letters = "".join(table)
        text = re.sub(
            f"[{letters}]+",
            lambda m, t=table, k=mark: f"${k}{{{''.join(t[c] for c in m[0])}}}$",  # type: ignore[misc]
            text,
        )
    return text
