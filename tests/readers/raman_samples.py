"""Small files of Raman spectra in the published layouts of formats."""

from __future__ import annotations

import io
import struct

import h5py
import numpy as np

SHIFT = 100.0 + 2.0 * np.arange(60)
INTENSITY = np.round(500.0 + 4000.0 / (1.0 + ((SHIFT - 160.0) / 3.0) ** 2))
# A FILETIME: 100 ns since 1601, here at 10:30 on 1 March 2024.
TICKS = 133_537_626_000_000_000


def rows(x=SHIFT, *columns, gap="\t") -> str:
    columns = columns or (INTENSITY,)
    return "".join(
        gap.join(f"{v:.9g}" for v in row) + "\n" for row in zip(x, *columns, strict=True)
    )


def jasco(kind: str = "RAMAN SPECTRUM", unit: str = "1/CM", table: str | None = None) -> bytes:
    return (
        (
            f"TITLE\tglass\nDATA TYPE\t{kind}\nORIGIN\tJASCO\nDATE\t14/01/10\nTIME\t17:38:47\n"
            f"XUNITS\t{unit}\nNPOINTS\t 60\nXYDATA\n{rows() if table is None else table}\n"
            "##### Extended Information\n[Comments]\nSample name\tLS4\n\nExposure\t300 sec\n"
            "Accumulation\t3\nLaser wavelength\t490.20 nm\nLaser power\t45.5 mW\n"
        )
        .replace("\n", "\r\n")
        .encode()
    )


def witec(unit: str = "rel. 1/cm", across: int = 1, down: int = 1, laser: str = "") -> bytes:
    spectra = [INTENSITY * (i + 1) for i in range(across * down)]
    labels = ",".join(f"Spec {i}" for i in range(len(spectra)))
    return (
        f"//Exported ASCII-File\n[Header]\nFileName = a.wip\nGraphName = Spec\n{laser}"
        f"SizeX = {across}\nSizeY = {down}\nSizeGraph = 60\nPositionUnit = µm\n"
        f"PositionX = 1.5\nXAxisUnit = {unit}\nDataUnit = CCD cts\n\n[Data]\n"
        f"X-Axis,{labels}\n{unit},CCD cts\n{rows(SHIFT, *spectra, gap=', ')}"
    ).encode()


def labspec(cells: int = 0, timed: bool = False, frames: int = 3) -> bytes:
    kind = "#AxisType[1]=\tTime\n" if timed else ""
    head = (
        "#Acq. time (s)=\t10\n#Accumulations=\t2\n#Laser=\t532nm_Edge\n#Grating=\t1800 gr/mm\n"
        f"#Acquired=\t14.05.2019 11:33:55\n{kind}#AxisType[2]=\tSpectr\n#AxisUnit[2]=\t1/cm\n"
    )
    # From high to low, as the program often writes them.
    x, y = SHIFT[::-1], INTENSITY[::-1]
    if not cells:
        return (head + rows(x, y)).encode("latin-1")
    table = "\t" * cells + "\t".join(f"{v:g}" for v in x) + "\n"
    for i in range(frames):
        place = "\t".join(f"{10 * (c + 1) + i}" for c in range(cells))
        table += place + "\t" + "\t".join(f"{v * (i + 1):g}" for v in y) + "\n"
    return (head + table).encode("latin-1")


def wire_text(*others: str, frames: int = 2) -> bytes:
    labels = "\t\t".join(f"#{label}" for label in (*others, "Wave", "Intensity"))
    x, y = SHIFT[::-1], INTENSITY[::-1]
    if not others:
        return f"{labels}\n{rows(x, y)}".encode()
    body = "".join(
        rows(
            np.full(60, 7.0 + i),
            *[np.full(60, c + 0.5) for c in range(1, len(others))],
            x,
            y * (i + 1),
        )
        for i in range(frames)
    )
    return f"{labels}\n{body}".encode()


def block(name: bytes, content: bytes, size: int | None = None) -> bytes:
    return name + struct.pack("<IQ", 1, size or 16 + len(content)) + content


def wdf(across: int = 2, down: int = 2, collected: int | None = None, unit: int = 1) -> bytes:
    """A map that is measured line by line, with times; one spectrum for 1 × 1."""
    n = across * down
    head = bytearray(496)
    struct.pack_into(
        "<IQQIIII", head, 44, 60, n, n if collected is None else collected, 3, 1, 60, 3
    )
    head[80:84] = b"WiRE"
    struct.pack_into("<Q", head, 120, TICKS)
    struct.pack_into("<If", head, 136, unit, 1e7 / 532.0)
    head[224:229] = b"glass"
    x = 5.0 + 0.5 * np.tile(np.arange(across), down)
    y = -2.0 - 1.5 * np.repeat(np.arange(down), across)
    origins = b"".join(
        struct.pack("<II16s", kind | 1 << 31, code, name) + values.astype(form).tobytes()
        for kind, code, name, values, form in (
            (3, 5, b"X", x, "<f8"),
            (4, 5, b"Y", y, "<f8"),
            (11, 24, b"Time", TICKS + 10_000_000 * np.arange(n), "<u8"),
        )
    )
    spectra = np.array([INTENSITY[::-1] * (i + 1) for i in range(n)], "<f4")
    area = struct.pack("<II3f3f3II", 0, 0, 5.0, -2.0, 0.0, 0.5, -1.5, 1.0, across, down, 1, 0)
    return (
        block(b"WDF1", bytes(head))
        + block(b"DATA", spectra.tobytes())
        + block(b"XLST", struct.pack("<II", 1, unit) + SHIFT[::-1].astype("<f4").tobytes())
        + block(b"YLST", struct.pack("<IIf", 0, 0, 1.0))
        + block(b"ORGN", origins)
        + block(b"WMAP", area)
    )


def spc(
    frames: int = 1, flags: int = 0, exponent: int = -128, kind: int = 13, experiment: int = 11
) -> bytes:
    head = bytearray(512)
    struct.pack_into(
        "<BBBbIddI", head, 0, flags, 0x4B, experiment, exponent, 60, SHIFT[0], SHIFT[-1], frames
    )
    head[28] = kind
    struct.pack_into("<I", head, 32, 2024 << 20 | 3 << 16 | 1 << 11 | 12 << 6 | 30)
    body = b""
    if flags & 0x80 and not flags & 0x40:
        body += SHIFT.astype("<f4").tobytes()
    for i in range(frames):
        sub = bytearray(32)
        # Of a single spectrum the exponent of the file counts.
        struct.pack_into(
            "<BbHffffI",
            sub,
            0,
            0,
            exponent if frames > 1 else 0,
            i,
            1.5 * i,
            0,
            0,
            0,
            60 if flags & 0x40 else 0,
        )
        y = INTENSITY * (i + 1)
        if flags & 0x40:
            sub += SHIFT.astype("<f4").tobytes()
        if exponent == -128:
            values = y.astype("<f4")
        elif flags & 1:
            values = np.rint(y * 2.0 ** (16 - exponent)).astype("<i2")
        else:
            values = np.rint(y * 2.0 ** (32 - exponent)).astype("<i4")
        body += bytes(sub) + values.tobytes()
    struct.pack_into("<I", head, 248, 512 + len(body))
    text = b"Laser = 785.0 nm\r\nExposure = 4 s\r\n\0"
    log = struct.pack("<III", 64 + len(text), 4096, 64).ljust(64, b"\0") + text
    return bytes(head) + body + log


def packed(value: int, digits: str, negative: str) -> str:
    """A number whose first digit and sign are one letter."""
    text = str(abs(value))
    first = negative[int(text[0]) - 1] if value < 0 else digits[int(text[0])]
    return first + text[1:]


def jcamp(form: str = "difference", kind: str = "RAMAN SPECTRUM", blocks: int = 1) -> bytes:
    """A table as free numbers, packed, squeezed, differences or points; seven to a line."""
    y = INTENSITY.astype(int)
    lines = []
    for start in range(0, 60, 7):
        part = y[start : start + 7]
        x = f"{SHIFT[start]:g}"
        if form == "points":
            lines += [f"{a:.1f}, {b}" for a, b in zip(SHIFT[start : start + 7], part, strict=True)]
        elif form == "free":
            lines.append(f"{x} " + " ".join(map(str, part)))
        elif form == "packed":
            lines.append(x + "".join(f"{v:+d}" for v in part))
        elif form == "squeezed":
            lines.append(x + "".join(packed(v, "@ABCDEFGHI", "abcdefghi") for v in part))
        else:
            again = y[start - 1 : start] if start else part[:1]
            x = f"{SHIFT[max(start - 1, 0)]:g}"
            steps = np.diff(np.append(again, part if start else part[1:]))
            lines.append(
                x
                + packed(again[0], "@ABCDEFGHI", "abcdefghi")
                + "".join(packed(v, "%JKLMNOPQR", "jklmnopqr") for v in steps)
            )
    table = "##XYPOINTS=(XY..XY)" if form == "points" else "##XYDATA=(X++(Y..Y))"
    one = (
        f"##TITLE=glass\n##JCAMP-DX=4.24 $$ a comment\n##DATA TYPE={kind}\n##XUNITS=1/CM\n"
        "##YUNITS=COUNTS\n##DATE=24/03/01\n##TIME=12:30:00\n##EXCITATION WAVELENGTH=785 nm\n"
        f"##FIRSTX=100\n##LASTX=218\n##NPOINTS=60\n##XFACTOR=1\n##YFACTOR=1\n{table}\n"
        + "\n".join(lines)
        + "\n##END=\n"
    )
    if blocks == 1:
        return one.encode()
    head = f"##TITLE=both\n##DATA TYPE=LINK\n##BLOCKS={blocks}\n"
    return (head + one * blocks + "##END=\n").encode()


def rod() -> bytes:
    return (
        "data_1000679\n_raman_measurement_device.excitation_laser_wavelength 488\n"
        "_raman_measurement.temperature 300\n_raman_measurement.datetime_initiated 2011-09-07\n"
        "_chemical_name_mineral K-cymrite\nloop_\n_raman_spectrum.raman_shift\n"
        f"_raman_spectrum.intensity\n{rows(gap=' ')}"
    ).encode()


def nxraman(unit: str = "1/cm") -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        entry = file.create_group("entry")
        entry.attrs["NX_class"], file.attrs["default"] = "NXentry", "entry"
        entry.attrs["default"], entry["definition"] = "data", "NXraman"
        beam = entry.create_group("instrument/beam_incident")
        beam["wavelength"] = 532.1
        beam["wavelength"].attrs["units"] = "nm"
        data = entry.create_group("data")
        data.attrs.update({"NX_class": "NXdata", "signal": "intensity", "axes": "raman_shift"})
        data["raman_shift"], data["intensity"] = SHIFT[::-1], INTENSITY[::-1]
        data["raman_shift"].attrs["units"] = unit
    return buffer.getvalue()


RAMAN = {
    ".jasco.txt": jasco,
    ".witec.txt": lambda: witec(across=2, down=2),
    ".labspec.txt": lambda: labspec(cells=2),
    ".wire.txt": lambda: wire_text("X", "Y"),
    ".wdf": wdf,
    ".spc": lambda: spc(frames=2, flags=0x84),
    ".jdx": jcamp,
    ".rod": rod,
}
