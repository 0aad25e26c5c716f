"""Small files of photoelectron spectra in the layouts of their formats, written by hand."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Mapping

import h5py
import numpy as np

PHOTON_ENERGY = 1486.6
ENERGY = np.round(525.0 + 0.25 * np.arange(40), 4)
COUNTS = (200 + 900 * np.exp(-0.5 * ((ENERGY - 530.0) / 0.8) ** 2)).round()
LEVELS = (0.0, 30.0, 60.0)


def vamas(
    *,
    mode: str = "SDP",
    unit: str = "d",
    excluded: tuple[int, ...] = (12, 13, 14),
    included: tuple[int, ...] = (),
    levels: tuple[float, ...] = LEVELS,
    lead: str = "",
    regions: tuple[tuple[str, str], ...] = (("O", "1s"), ("V", "2p")),
    measured: Mapping[str, tuple[np.ndarray, np.ndarray]] | None = None,
) -> bytes:
    """A depth profile of two regions, regular, with transmission.

    `measured` has rising binding energies and counts (levels, points) of each species.
    """
    listed = [*(-number for number in excluded[:1]), *excluded[1:]] if excluded else []
    count = -len(excluded) if excluded else len(included)
    listed = [abs(number) for number in listed] or list(included)
    absent = set(excluded) if excluded else set(range(1, 41)) - set(included or range(1, 41))
    lines = [
        "VAMAS Surface Chemical Analysis Standard Data Transfer Format 1988 May 4",
        *("a house", "an instrument", "Not Specified", "an experiment", "1", "a comment"),
        *(mode, "REGULAR"),
        *(["2"] if mode in ("NORM", "SDP", "MAP", "MAPDP") else []),
        *(["1", "64", "64"] if mode in ("MAP", "MAPDP") else []),
        *("1", "Etch Time", "s", str(count), *map(str, listed), "0", "1", "1", "an upgrade"),
        str(len(levels) * len(regions)),
    ]
    for number, (level, (species, transition)) in enumerate(
        (level, region) for level in levels for region in regions
    ):
        x, y = ENERGY, COUNTS + number
        if measured is not None:
            x, y = measured[species][0], measured[species][1][levels.index(level)]
        place = (number, level, species, transition)
        lines += _block(mode, unit, absent if number else set(), place, x, y)
    return (lead + "\r\n".join([*lines, "end of experiment", ""])).encode("latin-1")


def _block(
    mode: str,
    unit: str,
    absent: set[int],
    place: tuple[int, float, str, str],
    energy: np.ndarray,
    counts: np.ndarray,
) -> list[str]:
    number, level, species, line = place
    profile = mode in ("SDP", "SDPSV", "MAPDP", "MAPSVDP")
    maps = mode in ("MAP", "MAPDP", "MAPSV", "MAPSVDP", "SEM")
    scans = mode in ("MAPSV", "MAPSVDP", "SEM")
    kinetic = PHOTON_ENERGY - energy[-1]
    parameters: dict[int, list[object]] = {
        **{i: [v] for i, v in zip(range(1, 8), (2024, 3, 1, 12, number, 0, 1), strict=True)},
        8: [1, "a block"],
        9: ["XPS"],
        10: [3, 4] if mode in ("MAP", "MAPDP") else [],
        11: [level],
        12: ["Al"],
        13: [18, 1, 1] if profile else [],
        14: [PHOTON_ENERGY],
        15: [225],
        16: ["1E+37", "1E+37"],
        17: [100, 100] if maps else [],
        18: [0] * 6 if scans else [],
        19: ["1E+37"],
        20: ["1E+37"],
        21: ["FAT"],
        22: [20],
        24: [1],
        25: [4.5],
        26: [0],
        27: [0, 0],
        28: [0, 0],
        29: [species],
        30: [line, -1],
        31: ["Kinetic Energy", "eV", kinetic, round(float(energy[1] - energy[0]), 6)],
        32: [2, "Intensity", unit, "Transmission", "d"],
        33: ["pulse counting"],
        34: [0.5],
        35: [4],
        36: [0],
        37: [2000, 1, 2, 2, 45, 0, "sequential"] if profile else [],
        38: [0, 0],
        39: [0],
        40: [1, "a parameter", "d", 7],
    }
    words = [f"block {number}", "a sample"]
    for key in sorted(parameters):
        words += [] if key in absent else [str(value) for value in parameters[key]]
    transmission = 1.0 + 0.01 * np.arange(len(counts))
    # Rates per second of 4 sweeps of 0.5 s.
    shown = counts[::-1] / 2.0 if unit == "c/s" else counts[::-1]
    words += ["future", str(2 * len(counts)), "0", "9999", "1", "2"]
    for count, share in zip(shown, transmission, strict=True):
        words += [f"{count:.10g}", f"{share:.6g}"]
    return words


def vamas_irregular() -> bytes:
    lines = [
        "VAMAS Surface Chemical Analysis Standard Data Transfer Format 1988 May 4",
        *("", "", "", "", "0", "NOEXP", "IRREGULAR", "0", "0", "0", "0", "0", "1"),
        *("O 1s", "a sample", "2024", "3", "1", "12", "0", "0", "0", "0", "XPS", "Mg", "1253.6"),
        *(["1E+37"] * 5),
        *("FRR", "20", *(["1E+37"] * 7), "O", "1s", "-1", "2", "Binding Energy", "eV"),
        *("counts", "c/s", "pulse counting", "0.1", "10", "0", "0", "0", "0", "0"),
        *(str(2 * len(ENERGY)), "0", "0", "0", "0"),
    ]
    for energy, count in zip(ENERGY, COUNTS, strict=True):
        lines += [f"{energy:.8g}", f"{count:.8g}"]
    return ("\n\n" + "\n".join(lines) + "\nend of experiment\n").encode()


def phi(cycles: int = 1, kind: str = "f4") -> bytes:
    """Two regions of different length, in counts per second of 0.25 s a point."""
    regions = [("O1s", 8, ENERGY, COUNTS), ("V2p", 23, ENERGY[:30], COUNTS[:30] + 5)]
    header = [
        *("SOFH", "Technique: XPS", "FileDesc: a sample", "AcqFileDate: 2024 1 22"),
        *("XraySource: Al 1486.6 mono", "AnalyserWorkFcn: 4.5 eV", "InstrumentModel: VersaProbe"),
        f"NoSpectralReg: {len(regions)}",
    ]
    for number, (name, element, x, _) in enumerate(regions, 1):
        ends = f"{x[-1]:.4f} {x[0]:.4f} {x[-1]:.4f} {x[0]:.4f}"
        header.append(
            f"SpectralRegDef: {number} 1 {name} {element} {len(x)} -0.2500 {ends} 0.25 55.0 AREA"
        )
    head = "\r\n".join([*header, "EOFH", ""]).encode()
    size = int(kind[1])
    offset = 16 + 96 * len(regions)
    traces, numbers = b"", b""
    for number, (_, _, x, y) in enumerate(regions, 1):
        rates = np.concatenate([(y[::-1] + cycle) / 0.25 for cycle in range(cycles)])
        words = [number, 0, 0, 1, 1, len(x), 1, 1]
        traces += struct.pack("<8i", *words) + b"pnt\0\1\0\0\0sar\0" + struct.pack("<3i", 0, 0, 1)
        traces += b"c/s\0" + bytes(12) + kind.encode() + bytes(2)
        traces += struct.pack("<5i", size * len(rates), offset + len(numbers), 0, 0, 0)
        numbers += rates.astype(f"<{kind}").tobytes()
    return head + struct.pack("<4i", 1, len(regions), 96, 16) + traces + numbers


def profile() -> bytes:
    return phi(cycles=3, kind="f8")


SHIFTS = (-0.05, 0.0, 0.05)


def specs_xml(cycles: int = 2, sweeps: int = 3, entity: str = "") -> bytes:
    """One region of three channels, shifted by two steps each at 10 eV pass energy."""
    kinetic = 950.0
    detectors = "".join(
        f'<struct type_name="Detector"><double name="shift">{shift}</double></struct>'
        for shift in SHIFTS
    )
    head = tail = 2
    # Channel k records at step i what belongs to step i - head + 2(k - 1).
    recorded = np.pad(COUNTS, 4, mode="edge")
    table = np.column_stack([recorded[4 - head - 2 + 2 * k :][: len(COUNTS) + 4] for k in range(3)])
    scans = "".join(
        '<struct type_name="Cycle"><ulong name="time">'
        f'{1643415878 + 60 * cycle}</ulong><sequence name="scans">'
        + "".join(
            '<struct type_name="ScanData"><sequence name="counts"><ulong type_name="Counts">'
            + " ".join(f"{c + cycle:.0f}" for c in table.ravel())
            + "</ulong></sequence></struct>"
            for _ in range(sweeps)
        )
        + "</sequence></struct>"
        for cycle in range(cycles)
    )
    return (
        '<?xml version="1.0"?>\n<!-- CORBA XML document created by XMLSerializer2 -->\n'
        f"<!DOCTYPE any [\n<!ELEMENT any (any|struct)?>\n{entity}]>\n"
        '<any><sequence type_id="IDL:specs.de/Serializer/RegionGroupSeq:1.0">'
        '<struct type_name="RegionGroup"><string name="name">a sample</string>'
        '<struct type_name="RegionData"><string name="name">2 C1s</string>'
        '<struct name="region" type_name="RegionDef">'
        '<string name="analysis_method">XPS</string>'
        '<struct name="scan_mode" type_name="ScanMode">'
        '<string name="name">FixedAnalyzerTransmission</string></struct>'
        f'<ulong name="values_per_curve">{len(COUNTS)}</ulong>'
        '<double name="dwell_time">0.2</double><double name="scan_delta">0.25</double>'
        '<double name="excitation_energy">1253.6</double>'
        f'<double name="kinetic_energy">{kinetic}</double>'
        '<double name="pass_energy">10</double>'
        '<double name="effective_workfunction">4.37</double></struct>'
        f'<ulong name="mcd_head">{head}</ulong><ulong name="mcd_tail">{tail}</ulong>'
        f'<sequence name="detectors">{detectors}</sequence>'
        f'<sequence name="cycles">{scans}</sequence>'
        '<sequence name="transmission"><double>'
        + " ".join(f"{2 + 0.01 * i:.4f}" for i in range(len(COUNTS)))
        + "</double></sequence></struct></struct></sequence></any>\n"
    ).encode()


def specs_xy(scans: int = 2, cycles: int = 2, external: bool = True) -> bytes:
    """Two regions, one of two cycles with scans kept apart and a temperature."""
    lines = [
        "# Created by:        SpecsLab Prodigy, Version 4.100",
        "#\n# XY-Serializer Export Settings:",
        "#   Energy Axis:              Kinetic Energy",
        "#   Count Rate:               Counts per Second",
        "#   Separate Scan Data:       yes\n#   External Channel Data:    yes\n#",
        "# Group:                        as-loaded\n#",
    ]
    kinetic = PHOTON_ENERGY - ENERGY
    for region in ("O1s", "V2p"):
        lines += [
            f"# Region:                       {region}",
            "# Spectrum ID:                  3",
            "# Acquisition Date:             08/24/23 14:11:36 UTC",
            "# Analysis Method:              XPS",
            "# Dwell Time:                   0.5",
            f"# Excitation Energy:            {PHOTON_ENERGY}",
            "# Pass Energy:                  20",
            "# Eff. Workfunction:            4.1082\n",
        ]
        for cycle in range(cycles):
            lines.append(f"# Cycle: {cycle}\n#")
            for scan in range(scans):
                lines.append(f"# Cycle: {cycle}, Curve: 0, Scan: {scan}\n#")
                lines.append("# ColumnLabels:                 energy counts/s\n#")
                rates = (COUNTS + cycle + scan) / 0.5
                lines += [f"{e:.8g}  {r:.8g}" for e, r in zip(kinetic, rates, strict=True)]
                lines.append("")
            if external:
                lines += [
                    f"# External Channel Data Cycle: {cycle}, Sample temperature [K] (Heater)",
                    "# ColumnLabels: energy Sample temperature [K] (Heater)\n#",
                    *(f"{e:.8g}  {723 + cycle}" for e in kinetic),
                    "",
                ]
    return "\n".join(lines).encode()


def scienta() -> bytes:
    """Two regions: one of two sweeps kept apart, one over two dimensions."""
    lines = ["[Info]", "Number of Regions=0002", "Version=1.3.1", ""]
    shown = " ".join(f"{e:g}" for e in ENERGY[::-1])
    rows = list(zip(ENERGY[::-1], COUNTS[::-1], strict=True))
    for number, name in ((1, "O 1s"), (2, "V 2p")):
        lines += [
            *(f"[Region {number}]", f"Region Name={name}"),
            *("Dimension 1 name=Binding Energy [eV]", f"Dimension 1 size={len(ENERGY)}"),
            *(f"Dimension 1 scale={shown}", "Dimension 2 name=Y-Scale [deg]"),
            *("Dimension 2 size=2", "Dimension 2 scale=-1.5 1.5"),
        ]
        if number == 2:
            lines += ["Dimension 3 name=Time [s]", "Dimension 3 size=2", "Dimension 3 scale=0 60"]
        lines += [
            *("", f"[Info {number}]", f"Region Name={name}", "Pass Energy=50"),
            *("Number of Sweeps=2", f"Excitation Energy={PHOTON_ENERGY}", "Energy Scale=Binding"),
            *("Step Time=203", "Sample=a sample", "Date=2023-03-08", "Time=15:24:35", ""),
        ]
        for part in ((1,), (1, 2))[number - 1]:
            place = f"{number}" if number == 1 else f"{number}:{part}"
            lines.append(f"[Data {place}]")
            lines += [f" {e:.8E}  {c + part:.8E}  {c + 10:.8E}" for e, c in rows]
            lines.append("")
    return "\r\n".join(lines).encode()


def thermo(levels: tuple[float, ...] = LEVELS) -> bytes:
    lines = [
        *(";Dump of DataSpace 'V2p.VGD'", "$FORMAT=4", "$PROPERTIES=SUM"),
        *("DS_EXT_SUPROPID_TITLE : VT_BSTR = 'V2p Scan'", "$PROPERTIES=STD"),
        "DS_EXT_SUPROPID_CREATED : VT_DATE = 24/8/2026   19:10:01",
        "DS_GEPROPID_INSTRUMENT                      : VT_BSTR = 'K-Alpha+'",
        "DS_GEPROPID_VALUE_LABEL                     : VT_BSTR = 'Counts'",
        "DS_SOPROPID_ENERGY                          : VT_R4   = 1486.600000",
        "DS_ANPROPID_PASS                            : VT_R4   = 50.000000",
        "DS_ACPROPID_ACQ_TIME                        : VT_R4   = 0.050000",
        f"$DATAAXES={1 + bool(levels)},#empty#",
        "$SPACEAXES=2",
        f"    0= {PHOTON_ENERGY - ENERGY[-1]:.6f}, 0.250000, {len(ENERGY)}, ENERGY, LINEAR, 'E', "
        "'eV', 'Energy'",
        f"    1= 0.000000, 30.000000, {len(levels)}, ETCHTIME, NONLINEAR, 'EtchTime', 's', "
        "'Etch Time'",
        *(
            f"$AXISVALUE= DATAXIS=1 SPACEAXIS=1 LABEL='Etch Time' POINT={i} VALUE={v:.6f};"
            for i, v in enumerate(levels)
        ),
    ]
    for number in range(len(levels)):
        lines.append(f"$DATA=*, {number}")
        values = COUNTS[::-1] + number
        lines += [
            f"LIST@ {i:3d}=  " + ",  ".join(f"{v:.6f}" for v in values[i : i + 4])
            for i in range(0, len(values), 4)
        ]
        lines.append(";")
    return "\r\n".join(lines).encode()


def casaxps(shift: float = 0.3, comma: bool = False) -> bytes:
    """Two spectra below each other, with a fit of one component and a calibration."""
    rows: list[list[str]] = []
    for cycle, name in ((0, "O 1s"), (1, "V 2p")):
        rows += [
            [f"Cycle {cycle}:a sample:{name}"],
            ["", "Characteristic Energy eV", f"{PHOTON_ENERGY}", "Acquisition Time s", "2.0"],
            *(["Name", "", "oxide"], ["Position", "", "530.1"], ["FWHM", "", "1.2"]),
            *(["Area", "", "1000"], ["Lineshape", "", "GL(30)"]),
            ["K.E.", "Counts", "oxide", "Background", "", "B.E.", "CPS", "oxide CPS"],
        ]
        for energy, count in zip(ENERGY[::-1], COUNTS[::-1] + cycle, strict=True):
            numbers = (PHOTON_ENERGY - energy, count, count - 200, 200)
            shown = (energy + shift, count / 2, (count - 200) / 2)
            rows.append([*(f"{v:.8g}" for v in numbers), "", *(f"{v:.8g}" for v in shown)])
        rows.append([])
    return "\n".join(("," if comma else "\t").join(row) for row in rows).encode()


def casaxps_rows() -> bytes:
    """Two spectra side by side."""
    rows = [
        ["Name", "", "A", "", "Name", "", "A"],
        ["B.E.", "Cycle 0:a.vms:O 1s:CPS", "A", "", "B.E.", "Cycle 1:a.vms:V 2p:CPS", "A"],
    ]
    for energy, count in zip(ENERGY[::-1], COUNTS[::-1], strict=True):
        pair = [f"{energy:.8g}", f"{count / 2 + 0.25:.8g}", "0"]
        rows.append([*pair, "", *pair])
    return "\n".join(",".join(row) for row in rows).encode()


def electron_columns() -> bytes:
    rows = "\n".join(
        f"{e:.4f}\t{c / 2:.4f}\t2.5" for e, c in zip(ENERGY[::-1], COUNTS[::-1], strict=True)
    )
    return (
        "Photon energy: 1253.6 eV\nPass energy = 20 eV\nDwell time = 0.5 s\nSweeps = 4\n"
        f"2024-03-01 12:00:00\nBinding Energy (eV)\tCounts/s\tTransmission\n{rows}\n"
    ).encode()


def nexus_electrons(edit: Callable[[h5py.File], object] | None = None) -> bytes:
    """Two entries as NXmpes: one spectrum over kinetic, two over binding energy."""
    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        for name, kinetic in (("O1s", True), ("V2p", False)):
            entry = file.create_group(name)
            entry.attrs["NX_class"] = "NXentry"
            entry["definition"] = "NXxps" if kinetic else "NXmpes"
            entry["start_time"] = "2024-03-01T12:00:00+01:00"
            entry["instrument/beam/incident_energy"] = PHOTON_ENERGY / 1000
            entry["instrument/beam/incident_energy"].attrs["units"] = "keV"
            entry["instrument/analyzer/energydispersion/pass_energy"] = 20.0
            entry["instrument/analyzer/work_function"] = 4.5
            entry["sample/name"] = "a sample"
            data = entry.create_group("data")
            data.attrs["signal"] = "data"
            data.attrs["axes"] = ["energy"] if kinetic else ["etch_time", "energy"]
            x = PHOTON_ENERGY - ENERGY[::-1] if kinetic else ENERGY[::-1]
            data["energy"] = x
            data["energy"].attrs["units"] = "eV"
            data["energy"].attrs["type"] = "kinetic" if kinetic else "binding"
            y = COUNTS[::-1]
            data["data"] = y if kinetic else np.stack([y, y + 1])
            if not kinetic:
                data["etch_time"] = [0.0, 30.0]
                data["etch_time"].attrs["units"] = "s"
        if edit:
            edit(file)
    return memory.getvalue()


ELECTRONS = {
    ".vms": vamas,
    ".npl": vamas_irregular,
    ".spe": phi,
    ".pro": profile,
    ".xml": specs_xml,
    ".xy": specs_xy,
    ".ses": scienta,
    ".avg": thermo,
    ".casa": casaxps,
    ".rows": casaxps_rows,
    ".be": electron_columns,
}
