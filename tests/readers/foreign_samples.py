"""Small files in the layouts that beamlines, spectrometers and diffractometers write."""

from __future__ import annotations

import numpy as np

ANGLE = np.round(10.0 - 0.01 * np.arange(40), 5)
I0 = np.round(250000 + 300 * np.cos(np.arange(40)))
I1 = np.round(I0 * np.exp(-0.5 - 0.3 * np.arctan(np.arange(40) - 20.0)))
SPACING = 3.13551
SHIFT = np.round(100.0 + 3.0 * np.arange(30), 2)
COUNTS = np.round(300 + 200 * np.exp(-(((np.arange(30) - 12) / 3.0) ** 2)))


def photon_factory(columns: str = "transmission", points: int = 40) -> bytes:
    """A scan in the 9809 format; of fluorescence with two channels and a clock."""
    fluorescence = columns == "fluorescence"
    modes = (3, 3, 1, 5) if fluorescence else (1, 2)
    half = np.round(I1 / 2)
    counts = (half, I1 - half, I0, np.full(40, 1450.0)) if fluorescence else (I0, I1)
    titles = "".join(f"{i + 2:10d}" for i in range(len(modes)))
    kinds = "".join(f"{mode:10d}" for mode in modes)
    offsets = "".join(f"{100.5 * (i + 1):10.3f}" for i in range(len(modes)))
    rows = "\n".join(
        f" {a:9.5f} {a + 0.0001:9.5f} {1.0:9.2f}" + "".join(f"{v:10.0f}" for v in row)
        for a, *row in zip(ANGLE, *counts, strict=True)
    )
    return (
        "  9809     KEK-PF   BL12C\n vanadium.001  24.03.01 12:30 - 24.03.01 12:55\n glass, 5 mm\n"
        " Ring :   2.5 GeV   400.0 mA -  390.0 mA\n"
        f" Mono :   SI(111)       D=  {SPACING} A    Initial angle=  10.00000 deg\n"
        f" BL12C     Transmission( 2)   Repetition=  1     Points={points:5d}\n"
        " Param file : A:v.prm        energy axis(2)     Block =    1\n\n"
        " Block      Init-Eng  final-Eng      Step/eV     Time/s       Num\n"
        "     1      11386.00  11850.00        11.00       1.00        40\n"
        f" Ortec(-1)     NDCH = {len(modes) + 1}\n"
        f"  Angle(c)  Angle(o)    time/s{titles}\n"
        f"      Mode         0         0{kinds}\n"
        f"    Offset         0         0{offsets}\n"
        f"{rows}\n"
    ).encode()


def ssrl() -> bytes:
    labels = "\n".join(("Real time clock", "Requested Energy", "Achieved Energy", "I0", "I1"))
    rows = "\n".join(
        f" 1.000  {5400 + 5 * i}.000  {5400.5 + 5 * i:.3f}  {a:.3f}  {b:.3f} "
        for i, (a, b) in enumerate(zip(I0, I1, strict=True))
    )
    return (
        "SSRL   EXAFS Data Collector 1.3       \nFri Mar 01 12:00:00 2024              \n"
        "PTS:         40 COLS:          5\nTRANS.DET\nVK.RGN\n"
        "4-1 unfocused  0.000 -2 Si(220) 1.920156   100000\n4 2000 25 RST 0 0\nglass\n5 mm\n"
        "\n\n\n\n\nWeights: \n 1.000  1.000  1.000  1.000  1.000 \nOffsets: \n"
        f" 0.000  0.000  0.000  144.200  133.500 \nData: \n{labels}\n\n{rows}\n"
    ).encode()


def feff_xmu() -> bytes:
    """xmu.dat of FEFF 8: energies, and those and wavenumbers from the edge."""
    energy = 5460.0 + 2.0 * np.arange(40)
    rows = "\n".join(
        f" {e:10.3f} {e - 5470:10.3f} {0.1 * i - 1:8.3f} {m:.5E} {m / 1.1:.5E} {0.1:.5E}"
        for i, (e, m) in enumerate(zip(energy, 0.1 + 0.02 * np.arange(40), strict=True))
    )
    return (
        " glass                                                 Feff  8.00\n"
        " Abs   Z=23 Rmt= 1.142 Rnm= 1.322 K  shell\n xsedge+ 50, used to normalize mu  4.2E-04\n"
        f" {'-' * 70}\n e, e(wrt edge), k, mu=(1+chi)*mu0, mu0, chi @#\n{rows}\n"
    ).encode()


def bwtek(comma: bool = True) -> bytes:
    """Pixels around the calibrated range have blank cells."""
    blank = "0;   ;   ;   ;900.0000;65535.0000;910.0000;10.0000;\n"
    rows = "".join(
        f"{i + 1};{600 + 0.1 * i:.2f};{16000 - 3 * i:.2f};{x:.2f};"
        f"900.0000;65535.0000;{y + 900:.4f};{y:.4f};\n"
        for i, (x, y) in enumerate(zip(SHIFT, COUNTS, strict=True))
    )
    text = (
        "File Version;BWSpec4.11_1\nDate;2024-03-01 12:00:00\ntitle;BWS415-532S\n"
        "model;BTC162E-532S-SYS\nintigration times(ms);2500\naverage number;3\n"
        "coefs_a1;0.0869535306648179\nlaser_wavelength;532.02\nlaser_powerlevel;30\n"
        "Pixel;Wavelength;Wavenumber;Raman Shift;Dark;Reference;Raw data #1;Dark Subtracted #1;\n"
        f"{blank}{rows}31;   ;   ;   ;900.0000;65535.0000;910.0000;10.0000;\n"
    )
    return (text.replace(".", ",") if comma else text).encode()


def uxd(kind: str = "_2THETACOUNTS", drive: str = "COUPLED", ranges: int = 2) -> bytes:
    angles = 10.0 + 0.02 * np.arange(30)
    if "2THETA" in kind:
        rows = "\n".join(f"{x:.3f}\t{y:.0f}" for x, y in zip(angles, COUNTS, strict=True))
    else:
        rows = "\n".join(" ".join(f"{y:.0f}" for y in COUNTS[i : i + 8]) for i in range(0, 30, 8))
    each = (
        "_STEPTIME=0.500000\n_STEPSIZE=0.020000\n_STEPMODE='C'\n_START=10.000000\n"
        f"_2THETA=10.000000\n_KV=45\n{kind}\n{rows}\n"
    )
    return (
        "; a.raw (Diffrac Plus V1.01 file) converted by XCH V1.0\n_FILEVERSION=2\n_SAMPLE='glass'\n"
        "_DATEMEASURED='01-Mar-2024 12:00:00'\n_WL_UNIT='A'\n_WL1=1.540600\n_WL2=1.544390\n"
        "_WLRATIO=0.500000\n_ANODE='Cu'\n"
        + "".join(
            f"; (Data for Range number {n + 1})\n_DRIVE='{drive}'\n{each}" for n in range(ranges)
        )
    ).encode()


FOREIGN = {
    ".9809": photon_factory,
    ".ssrl": ssrl,
    ".bwtek.txt": bwtek,
    ".uxd": uxd,
}
