"""Small files in the published layouts of formats, to be read as they are or damaged."""

from __future__ import annotations

import io
import struct
import zipfile

import numpy as np
from absorption_samples import ABSORPTION, inside_gzip
from electron_samples import ELECTRONS
from foreign_samples import FOREIGN
from raman_samples import RAMAN

TWO_THETA = 20.0 + 0.02 * np.arange(60)
COUNTS = (100 + 50 * np.exp(-((TWO_THETA - 20.6) ** 2) / 0.01)).round()


def xrdml() -> bytes:
    scans = []
    for number, factor in enumerate((1, 2)):
        values = " ".join(f"{c * factor:.0f}" for c in COUNTS)
        scans.append(
            f'<scan appendNumber="{number}" mode="Continuous" scanAxis="Gonio" status="Completed">'
            f"<header><startTimeStamp>2024-03-01T12:0{number}:00+01:00</startTimeStamp></header>"
            '<nonAmbientPoints type="Temperature" unit="Celsius"><nonAmbientValues>25 27'
            "</nonAmbientValues></nonAmbientPoints>"
            '<dataPoints><positions axis="2Theta" unit="deg"><startPosition>20.0</startPosition>'
            f"<endPosition>{TWO_THETA[-1]}</endPosition></positions>"
            '<positions axis="Omega" unit="deg"><commonPosition>10</commonPosition></positions>'
            '<commonCountingTime unit="seconds">0.5</commonCountingTime>'
            f'<intensities unit="counts">{values}</intensities></dataPoints></scan>'
        )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<xrdMeasurements xmlns="http://www.xrdml.com/XRDMeasurement/1.5"><xrdMeasurement>'
        '<usedWavelength intended="K-Alpha"><kAlpha1 unit="Angstrom">1.5405980</kAlpha1>'
        '<kAlpha2 unit="Angstrom">1.5444260</kAlpha2>'
        "<ratioKAlpha2KAlpha1>0.5</ratioKAlpha2KAlpha1></usedWavelength>"
        f"{''.join(scans)}</xrdMeasurement></xrdMeasurements>"
    ).encode()


def ras(attenuation: float = 1.0) -> bytes:
    sections = []
    for number in range(2):
        table = "\n".join(
            f"{x:.4f} {y:.4f} {attenuation:.4f}" for x, y in zip(TWO_THETA, COUNTS, strict=True)
        )
        sections.append(
            "*RAS_HEADER_START\n"
            '*HW_XG_WAVE_LENGTH_ALPHA1 "1.540593"\n*HW_XG_WAVE_LENGTH_ALPHA2 "1.544414"\n'
            f'*MEAS_SCAN_START_TIME "03/01/2024 12:0{number}:00"\n'
            f'*MEAS_SCAN_END_TIME "03/01/2024 12:0{number}:40"\n'
            '*MEAS_SCAN_UNIT_Y "counts"\n*RAS_HEADER_END\n'
            f"*RAS_INT_START\n{table}\n*RAS_INT_END\n"
        )
    return ("*RAS_DATA_START\n" + "".join(sections) + "*RAS_DATA_END\n").encode("latin-1")


def rasx() -> bytes:
    profile = "\n".join(f"{x:.4f}\t{y:.1f}\t1.0" for x, y in zip(TWO_THETA, COUNTS, strict=True))
    conditions = (
        "<MeasurementConditions><HWConfigurations><WavelengthKalpha1>1.540593</WavelengthKalpha1>"
        "<WavelengthKalpha2>1.544414</WavelengthKalpha2></HWConfigurations><ScanInformation>"
        "<StartTime>2024-03-01T12:00:00</StartTime></ScanInformation></MeasurementConditions>"
    )
    return zipped(
        {
            f"Data{i}/{name}": text
            for i in range(2)
            for name, text in (("Profile0.txt", profile), ("MesurementConditions0.xml", conditions))
        }
    )


def raw1(n_ranges: int = 2, varying: int = 0, scan: int = 0, extra: bytes = b"") -> bytes:
    head = bytearray(712)
    head[:7] = b"RAW1.01"
    struct.pack_into("<I", head, 12, n_ranges)
    head[608:610] = b"Cu"
    struct.pack_into("<dd", head, 624, 1.5406, 1.5444)
    struct.pack_into("<d", head, 648, 0.5)
    n_varying = varying.bit_count()
    records = np.zeros(len(COUNTS), [("y", "<f4"), ("others", "<f8", (n_varying,))])
    records["y"] = COUNTS
    if varying & 1:
        records["others"][:, 0] = TWO_THETA + 0.001
    ranges = b""
    for _ in range(n_ranges):
        part = bytearray(304)
        struct.pack_into("<II", part, 0, 304, len(COUNTS))
        struct.pack_into("<d", part, 16, float(TWO_THETA[0]))
        struct.pack_into("<d", part, 176, 0.02)
        struct.pack_into("<fI", part, 192, 1.0, scan)
        struct.pack_into("<f", part, 212, 298.0)
        struct.pack_into("<III", part, 248, varying, 4 + 8 * n_varying, len(extra))
        ranges += bytes(part) + extra + records.tobytes()
    return bytes(head) + ranges


def raw4(
    n_ranges: int = 2,
    size: int = 8,
    scan: str = "Locked Coupled",
    moved: str = "2Theta",
) -> bytes:
    head = bytearray(61)
    head[:7], head[12:22], head[24:32] = b"RAW4.00", b"03/01/2024", b"12:00:00"
    user = struct.pack("<III24s12s", 10, 48, 0, b"USER", b"someone")
    source = bytearray(124)
    struct.pack_into("<II", source, 0, 30, 124)
    struct.pack_into("<5d", source, 72, 1.5418, 1.5406, 1.5444, 1.3922, 0.5)
    source[116:118] = b"Cu"
    records = np.ones(len(COUNTS), [("y", "<f4"), ("other", "<i4", (size // 4 - 1,))])
    records["y"] = COUNTS
    ranges = b""
    for _ in range(n_ranges):
        drives = b""
        for name, position in (("Theta", 10.0), ("2Theta", 20.0), ("Phi", 0.0)):
            drive = bytearray(64)
            struct.pack_into("<III24s", drive, 0, 50, 64, name == moved, name.encode())
            struct.pack_into("<d", drive, 56, 20.0 if name == moved else position)
            drives += bytes(drive)
        part = bytearray(160)
        struct.pack_into("<II", part, 0, 160, 160)
        struct.pack_into("<24s", part, 32, scan.encode())
        struct.pack_into("<ddIf", part, 72, float(TWO_THETA[0]), 0.02, len(COUNTS), 500.0)
        struct.pack_into("<II", part, 136, size, len(drives))
        ranges += bytes(part) + drives + records.tobytes()
    return bytes(head) + user + bytes(source) + ranges


def brml(absorber: float = 1.0, n_scans: int = 2, axis: str = "TwoTheta") -> bytes:
    """Columns: time, absorption factor, 2θ, θ, a drive that is recorded, intensity."""
    factors = np.where(COUNTS > 140, absorber, 1.0)
    rows = "".join(
        f"<Datum>0.5,{a:g},{x:.4f},{x / 2:.4f},7,{y:.6g}</Datum>"
        for x, y, a in zip(TWO_THETA, COUNTS * factors, factors, strict=True)
    )
    scan = (
        '<?xml version="1.0"?><RawData xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        "<TimeStampStarted>2024-03-01T12:0{number}:00.1234567+01:00</TimeStampStarted>"
        "<TimeStampFinished>2024-03-01T12:0{number}:40.1234567+01:00</TimeStampFinished>"
        "<FixedInformation><Instrument><TubeMaterial>Cu</TubeMaterial>"
        '<WaveLengthAlpha1 Unit="Å" Value="1.5406"/><WaveLengthAlpha2 Unit="Å" Value="1.5444"/>'
        '<WaveLengthRatio Value="0.5"/></Instrument></FixedInformation>'
        '<DataRoutes><DataRoute RouteFlag="Measured">'
        f"{rows}<DataViews>"
        '<RawDataView xsi:type="FixedRawDataView" Start="0" Length="1" LogicName="MeasuredTime"/>'
        '<RawDataView xsi:type="FixedRawDataView" Start="1" Length="1"'
        ' LogicName="AbsorptionFactor"/>'
        '<RawDataView xsi:type="VaryingRawDataView" Start="2" Length="2"><Varying>'
        f'<FieldDefinitions FieldName="{axis}" AxisId="{axis}"/>'
        '<FieldDefinitions FieldName="Theta" AxisId="Theta"/></Varying></RawDataView>'
        '<RawDataView xsi:type="RecordedRawDataView" Start="5" Length="1">'
        '<Recording LogicName="ScanCounter"><Unit Base="Counts"/></Recording></RawDataView>'
        "</DataViews></DataRoute></DataRoutes></RawData>"
    )
    names = [f"Experiment0/RawData{i}.xml" for i in range(n_scans)]
    listed = "".join(f"<string>{name}</string>" for name in names)
    return zipped(
        {
            "Experiment0/DataContainer.xml": "<DataContainer><RawDataReferenceList>"
            f"{listed}</RawDataReferenceList></DataContainer>",
            **{name: scan.replace("{number}", str(i)) for i, name in enumerate(names)},
        }
    )


def pdcif(n_blocks: int = 2) -> bytes:
    rows = "".join(
        f"{x:.4f} {y:.0f} {y:.0f}({y**0.5:.0f}) {y + 1:.1f} .\n"
        for x, y in zip(TWO_THETA, COUNTS, strict=True)
    )
    blocks = "".join(
        f"data_pwd_{i}\n_pd_meas_datetime_initiated 2024-03-01T12:0{i}:00\n"
        f"_diffrn_ambient_temperature 29{i}(1)\nloop_\n_pd_meas_2theta_scan\n"
        "_pd_meas_counts_total\n_pd_proc_intensity_total\n_pd_calc_intensity_total\n"
        f"_pd_proc_ls_weight\n{rows}\n"
        for i in range(n_blocks)
    )
    return (
        "data_instrument\nloop_\n_diffrn_radiation_wavelength\n_diffrn_radiation_wavelength_wt\n"
        f"1.54051 1.0\n1.54433 0.5\n\n{blocks}"
    ).encode()


def chi(label: str = "2-Theta Angle (Degrees)", stated: int = len(COUNTS)) -> bytes:
    rows = "".join(f"  {x:.7E}  {y:.7E}\n" for x, y in zip(TWO_THETA, COUNTS, strict=True))
    return f"lab6_0001.edf\n{label}\nIntensity\n      {stated}\n{rows}".encode()


def xye() -> bytes:
    rows = "".join(
        f"{x:.4f} {y:.1f} {y**0.5:.4f}\n" for x, y in zip(TWO_THETA, COUNTS, strict=True)
    )
    return (
        "# Temperature (K) = 295.0\n# wavelength 0.413263 A\n# 2024-03-01T12:00:00\n"
        f"# Azimuth (deg) = 0\n# 2th_deg I sigma\n{rows}"
    ).encode()


def gsas2_csv(kind: str = "PXC") -> bytes:
    weights = 1.0 / (4.0 * COUNTS)
    weights[:3] = 0.0
    rows = "".join(
        f"{x:.6g},{y:.6g},{w:.6g},{y + 1:.6g},90,{x / 14:.6g}\n"
        for x, y, w in zip(TWO_THETA, COUNTS, weights, strict=True)
    )
    return (
        f'"Histogram","PWDR lab6.fxye Bank 1"\n"Instparm: Type","{kind}"\n'
        '"Instparm: Lam",  0.413263\n"Instparm: Zero",  0.000000\n'
        '"Samparm: Temperature",    295.00\n"x","y_obs","weight","y_calc","y_bkg","Q"\n'
        f"{rows}"
    ).encode()


def zipped(members: dict[str, str | bytes]) -> bytes:
    """A zip file with dates that do not change."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0)), content)
    return buffer.getvalue()


def inside_zip(data: bytes, change) -> bytes:
    """The zip file with one of its members changed, packed again with right checksums."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = sorted(members)[len(data) % len(members)]
    return zipped({**members, name: change(members[name])})


# By suffix; Bruker's version 4 is a .raw like its version 1.01, and texts of
# Raman spectrometers are all .txt; they are told by their contents.
SAMPLES = {
    ".xrdml": xrdml,
    ".ras": ras,
    ".rasx": rasx,
    ".raw": raw1,
    ".raw4": raw4,
    ".brml": brml,
    ".xye": xye,
    ".chi": chi,
    ".csv": gsas2_csv,
    ".cif": pdcif,
    **ABSORPTION,
    **RAMAN,
    **ELECTRONS,
    **FOREIGN,
}

PACKED = {
    ".rasx": inside_zip,
    ".brml": inside_zip,
    ".npz": inside_zip,
    ".prj": inside_gzip,
    ".json": inside_gzip,
}


def damage(data: bytes, rng: np.random.Generator) -> bytes:
    """Flip bits, cut, insert, splice, or replace a number."""
    out = bytearray(data)
    for _ in range(int(rng.integers(1, 4))):
        at = int(rng.integers(0, max(len(out), 1)))
        kind = int(rng.integers(0, 6))
        if kind == 0 and out:
            out[min(at, len(out) - 1)] ^= 1 << int(rng.integers(0, 8))
        elif kind == 1:
            del out[at:]
        elif kind == 2:
            out[at:at] = rng.integers(0, 256, int(rng.integers(1, 9)), dtype=np.uint8).tobytes()
        elif kind == 3:
            length = int(rng.integers(1, 64))
            start = int(rng.integers(0, max(len(out), 1)))
            out[at : at + length] = out[start : start + length]
        elif kind == 4:
            words = (b"1e999", b"-1", b"nan", b"99999999999", b"", b"<a>", b"\xff\xff\xff\xff")
            word = words[int(rng.integers(0, len(words)))]
            out[at : at + len(word)] = word
        else:
            del out[at : at + int(rng.integers(1, 64))]
    return bytes(out)
