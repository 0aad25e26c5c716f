"""Small files of X-ray absorption in the published layouts of formats."""

from __future__ import annotations

import gzip
import io
import json

import h5py
import numpy as np

ENERGY = np.round(5400.0 + 2.5 * np.arange(60), 4)
MU = np.round(0.4 + 0.5 * np.arctan((ENERGY - 5480.0) / 3.0) + 0.01 * np.sin(ENERGY), 9)
I0 = np.round(1e5 + 100 * np.cos(ENERGY), 3)
I1 = np.round(I0 * np.exp(-MU), 6)
I2 = np.round(I1 * np.exp(-0.5 * MU), 6)


def rows(*columns: np.ndarray) -> str:
    return "\n".join(" ".join(f"{v:.17g}" for v in row) for row in zip(*columns, strict=True))


def xdi(columns: str = "energy eV,i0,itrans,irefer", table: str | None = None) -> bytes:
    labels = columns.split(",")
    fields = "\n".join(f"# Column.{i}: {label}" for i, label in enumerate(labels, 1))
    body = rows(ENERGY, I0, I1, I2) if table is None else table
    return (
        f"# XDI/1.0 Athena/0.9\n{fields}\n# Element.symbol: V\n# Element.edge: K\n"
        "# Mono.d_spacing: 3.13555 Angstrom\n# Scan.start_time: 2005-07-24T04:55:58\n"
        "# Sample.temperature: 25 C || a thermocouple\n# ///\n# Element.edge: no field any more\n"
        f"# ----\n# {' '.join(label.split()[0] for label in labels)}\n{body}\n"
    ).encode()


def columns(label: str = "# energy   i0  i1  i2", body: str | None = None) -> bytes:
    return f"# a scan\n{label}\n{rows(ENERGY, I0, I1, I2) if body is None else body}\n".encode()


def spec(scans: int = 3) -> bytes:
    parts = ["#F vanadium.spec\n#E 1122872158\n#D Sun Jul 24 04:55:58 2005\n#O0 mono  theta\n"]
    for number in range(1, scans + 1):
        table = rows(ENERGY / 1000, I0, I1)
        parts.append(
            f"\n#S {number} ascan energy 5.4 5.5 59 1\n#D Sun Jul 24 04:5{number}:58 2005\n#N 3\n"
            f"#L Energy  I0  I1\n{table}\n@A 1 2 3\\\n 4 5 6\n"
        )
    parts.append("\n#S 9 ascan phi 0 1 2 1\n#N 2\n#L Phi  I0\n0 1\n0.5 2\n1 3\n")
    parts.append("\n#S 10 ascan energy 5.4 5.5 59 1\n#N 3\n#L Energy  I0  I1\n")
    return "".join(parts).encode()


def perl_project(packed: bool = True, **args: str) -> bytes:
    """Two groups, the second with a quoted label and no beam before the sample."""
    numbers = {n: ",".join(f"'{v:.17g}'" for v in a) for n, a in _arrays().items()}
    settings = {"bkg_eshift": "-0.25", "bkg_e0": "5480.5", "bkg_z": "V", "fft_edge": "k", **args}
    groups = ""
    for key, label in (("abcde", r"glass NNO+3.8"), ("fghij", r"Joe\'s {x} = [1] NNO-8.1")):
        given = ",".join(f"'{k}','{v}'" for k, v in settings.items())
        groups += (
            f"$old_group = '{key}';\n@args = ('label','{label}',{given},'titles',['a;','b'],"
            "'xdi',{'name' => {}},'is_kev',0,'multiplier',1);\n"
        )
        for name, values in numbers.items():
            if name != "i0" or key == "abcde":
                groups += f"@{name} = ({values});\n"
        groups += "@signal = ();\n[record]   # create object\n\n"
    text = (
        "# Athena project file -- Demeter version 0.9.24\n# This file created at 2018\n\n"
        f"{groups}@journal = ('Notes: @x = (1)','');\n\n1;\n\n# End:\n"
    ).encode()
    return gzip.compress(text, mtime=0) if packed else text


def json_project(packed: bool = True, **args: str) -> bytes:
    arrays = {n: a.tolist() for n, a in _arrays().items()}
    group = {"args": {"label": "glass NNO+3.8", "bkg_eshift": -0.25, "is_nor": 0, **args}, **arrays}
    content = {
        "_____header1": "# Athena project file -- Demeter version 0.9.24",
        "_____journal": {},
        "_____order": ["second", "first"],
        "first": group,
        "second": {"args": ["label", "other"], "x": arrays["x"], "y": arrays["y"]},
    }
    text = json.dumps(content).encode()
    return gzip.compress(text, mtime=0) if packed else text


def _arrays() -> dict[str, np.ndarray]:
    return {"x": ENERGY, "y": MU, "i0": I0}


def npz(**more: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    arrays = {
        "energy": ENERGY[::-1],
        "norm": np.array([MU, 2 * MU])[:, ::-1].astype("f4"),
        "ref": np.array([MU, MU])[:, ::-1],
        "unix_time": np.array([100.0, 160.0]),
        "names": np.array(["a", "b"]),
    }
    np.savez(buffer, **(arrays | more))
    return buffer.getvalue()


def hdf5(edit=None) -> bytes:
    """A NeXus file with two spectra, laid out as pynxxas does, and what `edit` does to it."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for name in ("one", "two"):
            entry = file.create_group(name)
            entry.attrs["NX_class"] = "NXentry"
            entry["definition"], entry["mode"] = "NXxas", "transmission"
            entry["energy"], entry["intensity"] = ENERGY, MU
            entry["energy"].attrs["units"] = "eV"
            entry["intensity"].attrs["long_name"] = "Normalized mu(E)"
            entry["element/symbol"], entry["edge/name"] = "V", "K"
            entry["scan/start_time"] = "2018-11-27 07:01:20"
            entry["instrument/itrans/data"] = I1
            entry["rawdata"] = np.array([ENERGY, MU, I0])
            entry["rawdata"].attrs["array_labels"] = '["energy", "intensity", "i0"]'
            plot = entry.create_group("plot")
            plot.attrs.update({"NX_class": "NXdata", "signal": "intensity", "axes": "energy"})
            for part in ("energy", "intensity"):
                plot[part] = h5py.SoftLink(f"/{name}/{part}")
        if edit:
            edit(file)
    return buffer.getvalue()


ABSORPTION = {
    ".xdi": xdi,
    ".prj": perl_project,
    ".json": json_project,
    ".spec": spec,
    ".xmu": columns,
    ".npz": npz,
}


def inside_gzip(data: bytes, change) -> bytes:
    """The gzip file with its content changed, packed again."""
    return gzip.compress(change(gzip.decompress(data)), mtime=0, compresslevel=1)
