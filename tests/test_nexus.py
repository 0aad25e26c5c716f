"""Files on disk: the same back bit for bit, and damage found before it is believed."""

from __future__ import annotations

import json
import multiprocessing
import pickle
from dataclasses import replace

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import spectra
from spectra import InputFile, Stack, Variable, hdf5, integrity, nexus
from spectra.errors import DamagedFileError, ReaderError, StackError, StoreError
from spectra.results import Column, Record, Results, Table


def stack():
    rng = np.random.default_rng(0)
    return Stack.from_arrays(
        np.linspace(10, 20, 101),
        rng.standard_normal((7, 101)),
        rng.random((7, 101)),
        variables={
            "voltage": Variable(np.arange(7.0), "V", "Ewe", np.full(7, 0.1)),
            "current": Variable(-np.arange(7.0)),
        },
        metadata={"wavelength": 1.54, "simulated": True, "note": "Å", "none": None},
        inputs=(InputFile("a.xy", "0" * 64, 12),),
        messages=("", "odd Å", "", "", "", "", ""),
        title="a title",
    )


def results(name="cell"):
    columns = (
        Column("a", "angstrom", "a cell", ("phase",), stderr=True),
        Column("n", "", "a count").as_int(),
        Column("used", "", "a flag", ("phase",), dtype="int8"),
        Column("cov", "angstrom^2", "a covariance", ("phase", "phase")),
    )
    coords = {"phase": {"name": np.array(["x", "yy"]), "start": np.array([0.1, np.nan])}}
    table = Table(name, columns, coords, default="a")
    values = table.empty(7)
    values["a"][:] = np.arange(14.0).reshape(7, 2) / 3
    values["a_stderr"][2] = 0.25
    return Results(
        table,
        values,
        np.arange(7, dtype=np.int8),
        messages=("", "why", "", "", "", "", ""),
        variables={"b": Variable(np.arange(7.0), "s"), "a": Variable(np.arange(7.0))},
        attrs={"verdict": {"x": {"v": 1.5, "list": [1, None, "t"]}}},
        provenance={
            "program": "spectra",
            "method": "xrd.Cell",
            "settings": {"phases": ["x"]},
            "inputs": [{"path": "a.xy", "sha256": "0" * 64, "size": 12}],
        },
    )


def assert_same_variables(a, b):
    assert list(a) == list(b)
    for name in a:
        assert (a[name].unit, a[name].long_name) == (b[name].unit, b[name].long_name)
        np.testing.assert_array_equal(a[name].values, b[name].values, strict=True)
        assert (a[name].stderr is None) == (b[name].stderr is None)
        if a[name].stderr is not None:
            np.testing.assert_array_equal(a[name].stderr, b[name].stderr, strict=True)


def assert_same_stack(a: Stack, b: Stack) -> None:
    a, b = a.load(), b.load()
    assert replace(a.axis, values=b.axis.values) == b.axis
    np.testing.assert_array_equal(a.x, b.x, strict=True)
    np.testing.assert_array_equal(a.signal, b.signal, strict=True)
    assert (a.errors is None) == (b.errors is None)
    if a.errors is not None:
        np.testing.assert_array_equal(a.errors, b.errors, strict=True)
    np.testing.assert_array_equal(a.status, b.status, strict=True)
    assert_same_variables(a.variables, b.variables)
    assert dict(a.metadata) == dict(b.metadata)
    for part in ("noise", "names", "messages", "inputs", "title"):
        assert getattr(a, part) == getattr(b, part)


def assert_same_results(a: Results, b: Results) -> None:
    assert (a.table.name, a.table.columns, a.table.default) == (
        b.table.name,
        b.table.columns,
        b.table.default,
    )
    assert list(a.table.coords) == list(b.table.coords)
    for dim, labels in a.table.coords.items():
        assert list(labels) == list(b.table.coords[dim])
        for key in labels:
            np.testing.assert_array_equal(labels[key], b.table.coords[dim][key], strict=True)
    assert list(a.columns) == list(b.columns)
    for name in a.columns:
        np.testing.assert_array_equal(a.columns[name], b.columns[name], strict=True)
    np.testing.assert_array_equal(a.status, b.status, strict=True)
    assert_same_variables(a.variables, b.variables)
    for part in ("names", "messages"):
        assert getattr(a, part) == getattr(b, part)
    assert dict(a.attrs) == dict(b.attrs)
    assert dict(a.provenance) == dict(b.provenance)


def test_stack_there_and_back(tmp_path):
    before = stack()
    after = spectra.open(spectra.write(tmp_path / "s.h5", before))
    assert isinstance(after, Stack)
    assert_same_stack(after, before)
    assert_same_stack(after[2:5], before[2:5])
    assert_same_stack(after[[5, 1]], before[[5, 1]])
    assert_same_stack(spectra.read(tmp_path / "s.h5"), before)
    # Over the very file it is read from.
    assert_same_stack(spectra.open(spectra.write(tmp_path / "s.h5", after)), before)


@pytest.mark.parametrize("dtype", ["f4", "u2", "i4", "u8", "f8"])
def test_narrow_numbers_stay_narrow_on_disk(tmp_path, dtype):
    y = np.arange(40).reshape(4, 10).astype(dtype)
    before = replace(Stack.from_arrays(np.arange(10.0), y), signal=y)
    path = spectra.write(tmp_path / "s.h5", before)
    with h5py.File(path) as file:
        assert file["entry/data/intensity"].dtype == dtype
    assert_same_stack(spectra.open(path), before)


def test_opened_stacks_are_lazy_and_travel_to_other_processes(tmp_path, monkeypatch):
    opened = spectra.open(spectra.write(tmp_path / "s.h5", stack()))
    assert isinstance(opened.signal, nexus.H5Array)
    block = pickle.loads(pickle.dumps(opened[2:4]))
    assert len(pickle.dumps(opened[2:4])) < 4000
    monkeypatch.chdir("/")
    assert_same_stack(block, stack()[2:4])
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        sums = pool.apply(_sum, (block,))
    np.testing.assert_array_equal(sums, stack()[2:4].signal.sum(1))


def _sum(block):
    return block.load().signal.sum(1)


def test_results_and_records_there_and_back(tmp_path):
    assert_same_results(spectra.open(spectra.write(tmp_path / "r.h5", results())), results())
    steps = {"b/c.d": results("strain"), "a": results(), "a_": results("peaks")}
    record = Record(steps, stack(), {"title": "t"}, {"version": "0"})
    after = spectra.open(spectra.write(tmp_path / "x.h5", record))
    assert isinstance(after, Record)
    assert list(after.steps) == list(steps)
    for name, step in steps.items():
        assert_same_results(after.steps[name], step)
    assert_same_stack(after.stack, stack())
    assert after.recipe == {"title": "t"}
    assert after.provenance == {"version": "0"}


names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)


@pytest.mark.parametrize(
    "parts",
    [
        {"title": "\udce9lan"},
        {"axis_unit": "\ud800"},
        {"variables": {"\udcff": Variable(np.zeros(2), "V", "voltage")}},
        {"variables": {"voltage": Variable(np.zeros(2), "\udcff", "voltage")}},
    ],
)
def test_undecoded_bytes_in_names_are_refused_at_once(parts):
    with pytest.raises(StackError, match="not Unicode"):
        Stack.from_arrays([1.0, 2.0], np.zeros((2, 2)), **parts)


@settings(max_examples=40, deadline=None)
@given(
    values=arrays(np.float64, (3, 2), elements=st.floats(width=64)),
    words=st.lists(names, min_size=3, max_size=3),
    keys=st.lists(names.filter(bool), min_size=2, max_size=2, unique=True),
)
def test_any_content_comes_back(tmp_path_factory, values, words, keys):
    path = tmp_path_factory.mktemp("any") / "f.h5"
    variables = {k: Variable(values[:, i], words[i], words[0]) for i, k in enumerate(keys)}
    before = Stack.from_arrays(
        [1.0, 2.0],
        values,
        axis_name=words[0] or "x",
        axis_unit=words[1],
        variables=variables,
        names=tuple(words),
        messages=tuple(words),
        metadata={keys[0]: words[0]},
    )
    assert_same_stack(spectra.open(spectra.write(path, before)), before)
    columns = tuple(Column(k, words[0], words[1]) for k in keys)
    table = Table("t", columns, {})
    columns = {k: values[:, i] for i, k in enumerate(keys)}
    before = Results(table, columns, np.zeros(3, np.int8), tuple(words), variables=variables)
    assert_same_results(spectra.open(spectra.write(path, before)), before)


@pytest.mark.parametrize("taken", ["frame", "status", "intensity", "names", "plot", "a_errors"])
def test_names_that_the_layout_uses_itself(tmp_path, taken):
    row = Variable(np.arange(7.0), "V", stderr=np.ones(7))
    before = replace(stack(), axis=replace(stack().axis, name=taken), variables={taken: row})
    assert_same_stack(spectra.open(spectra.write(tmp_path / "s.h5", before)), before)
    columns = (Column(taken, "", "", stderr=True), Column("a", "", "", stderr=True))
    table = Table("t", columns)
    values = {c.name: np.arange(7.0) + i for i, c in enumerate(table.all_columns())}
    before = Results(table, values, np.zeros(7, np.int8), variables={taken: row})
    assert_same_results(spectra.open(spectra.write(tmp_path / "r.h5", before)), before)


def test_empty_contents(tmp_path):
    for before in (stack()[:0], replace(stack(), errors=None, noise="unknown")[:1]):
        assert_same_stack(spectra.open(spectra.write(tmp_path / "s.h5", before)), before)
    nothing = results()[:0]
    assert_same_results(spectra.open(spectra.write(tmp_path / "r.h5", nothing)), nothing)
    assert spectra.open(spectra.write(tmp_path / "x.h5", Record({}))) == Record({})


def test_silx_finds_the_plots(tmp_path):
    silx_io = pytest.importorskip("silx.io")
    from silx.io import nxdata

    def default(content):
        with silx_io.open(str(spectra.write(tmp_path / "f.h5", content))) as file:
            data = nxdata.get_default(file)
            assert data is not None
            assert data.is_valid, data.issues
            errors = None if data.errors is None else data.errors[()]
            return data.signal_name, data.signal[()], errors, data.auxiliary_signals_names

    name, signal, errors, _ = default(stack())
    assert name == "intensity"
    np.testing.assert_array_equal(signal, stack().signal)
    np.testing.assert_array_equal(errors, stack().errors)
    record = Record({"cell": results(), "strain": results("strain")}, stack())
    name, signal, errors, others = default(record)
    assert (name, others) == ("a_x", ["a_yy"])
    np.testing.assert_array_equal(signal, results()["a"][:, 0])
    np.testing.assert_array_equal(errors, results()["a_stderr"][:, 0])


def test_layout_that_other_programs_read(tmp_path):
    path = spectra.write(tmp_path / "x.h5", Record({"cell": results()}, stack()))
    with h5py.File(path) as file:
        assert file.attrs["NX_class"] == "NXroot"
        entry = file[file.attrs["default"]]
        assert entry.attrs["NX_class"] == "NXentry"
        data = entry["data"]
        assert data.attrs["NX_class"] == "NXdata"
        assert list(data.attrs["axes"]) == ["frame", "two_theta"]
        assert data["two_theta"].attrs["units"] == "deg"
        assert data["intensity"].fletcher32
        assert 32008 in data["intensity"]._filters.values() or "32008" in data["intensity"]._filters
        assert data.attrs["voltage_indices"] == 0
        assert data["voltage"].attrs["units"] == "V"
        assert data["voltage_errors"][0] == 0.1
        assert data["messages"].asstr()[1] == "odd Å"
        step = entry["step_cell"]
        assert step.attrs["signal"] == "a"
        assert step["a"].attrs["units"] == "angstrom"
        assert step["a_errors"].attrs["long_name"] == "standard uncertainty of a"
        assert (step["a"].compression, step["a"].shuffle, step["a"].fletcher32) == (
            "gzip",
            True,
            True,
        )
        assert step["coordinates/phase_name"].asstr()[()].tolist() == ["x", "yy"]
        process = entry["process_cell"]
        assert process.attrs["NX_class"] == "NXprocess"
        assert process["program"].asstr()[()] == "spectra"
        assert json.loads(process["parameters"][()]) == {"phases": ["x"]}
        assert json.loads(process["inputs"][()])[0]["sha256"] == "0" * 64


def test_chunks_are_whole_frames_of_a_quarter_to_one_mebibyte(tmp_path):
    for n_points in (100, 4000, 100_000):
        y = np.zeros((1 + 2_000_000 // n_points, n_points))
        path = spectra.write(tmp_path / "s.h5", Stack.from_arrays(np.arange(n_points), y))
        with h5py.File(path) as file:
            rows, points = file["entry/data/intensity"].chunks
        assert points == n_points
        assert 1 << 18 <= 8 * rows * points <= 1 << 20


def test_every_flipped_bit_is_found(tmp_path):
    path = spectra.write(tmp_path / "r.h5", results())
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    places = {*range(8 * 160), *rng.integers(8 * len(content), size=300).tolist()}
    for place in places:
        bad = bytearray(content)
        bad[place // 8] ^= 1 << place % 8
        path.write_bytes(bad)
        assert integrity.is_own(path)
        with pytest.raises(DamagedFileError, match="checksum: damaged, or changed after"):
            spectra.open(path)


def test_truncated_foreign_and_missing_files(tmp_path):
    path = spectra.write(tmp_path / "r.h5", results())
    content = path.read_bytes()
    for size in (len(content) - 1, 600, 512, 511, 99, 40, 20):
        path.write_bytes(content[:size])
        with pytest.raises(DamagedFileError, match="checksum"):
            spectra.open(path)
    path.write_bytes(content + b"\0")
    with pytest.raises(DamagedFileError, match="checksum"):
        spectra.open(path)
    with h5py.File(tmp_path / "f.h5", "w"):
        pass
    with pytest.raises(ReaderError, match="not a file that spectra wrote"):
        spectra.open(tmp_path / "f.h5")
    (tmp_path / "empty.h5").touch()
    with pytest.raises(ReaderError, match="not a file that spectra wrote"):
        spectra.open(tmp_path / "empty.h5")
    with pytest.raises(ReaderError, match="no such file"):
        spectra.open(tmp_path / "absent.h5")
    with pytest.raises(ReaderError, match="not a file"):
        spectra.open(tmp_path)


def test_large_stacks_are_not_read_through_but_results_are(tmp_path, monkeypatch):
    monkeypatch.setattr(nexus, "_VERIFY_ALWAYS", 100)
    path = spectra.write(tmp_path / "s.h5", stack())
    with h5py.File(path) as file:
        place = file["entry/data/intensity"].id.get_chunk_info(0).byte_offset
    for content, at in ((stack(), place + 9), (results(), -1), (Record({}, stack()), place + 9)):
        path = spectra.write(tmp_path / "s.h5", content)
        damaged = bytearray(path.read_bytes())
        damaged[at] ^= 1
        path.write_bytes(damaged)
        if isinstance(content, Stack):
            opened = spectra.open(path)
            with pytest.raises(
                DamagedFileError, match=r"intensity, frames 0 to 6: .*restore a copy"
            ):
                opened.load()
        else:
            with pytest.raises(DamagedFileError, match="checksum"):
                spectra.open(path)


def edited(tmp_path, edit):
    """A file with a sound seal that our writer never wrote."""
    path = spectra.write(tmp_path / "r.h5", Record({"cell": results()}, stack()))
    with h5py.File(path, "r+") as file:
        edit(file)
    integrity.seal(path, "Record")
    return path


def relinked(group, name, content):
    del group[name]
    group[name] = content


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda f: f["entry"].pop("steps"), "something is missing"),
        (lambda f: f["entry/step_cell"].pop("a_errors"), "something is missing"),
        (lambda f: relinked(f["entry"], "steps", np.bytes_("[1")), "something is missing"),
        (lambda f: relinked(f["entry"], "steps", np.bytes_("[1]")), "something is missing"),
        (lambda f: relinked(f["entry"], "recipe", np.bytes_("[" * 100_000)), "nested too deeply"),
        (lambda f: relinked(f["entry/data"], "status", np.zeros(3, "i1")), "does not fit"),
        (lambda f: f["entry"].attrs.pop("spectra_kind"), "something is missing"),
    ],
)
def test_contents_that_do_not_fit_together(tmp_path, edit, message):
    path = edited(tmp_path, edit)
    with pytest.raises(DamagedFileError, match=message):
        spectra.open(path)


def test_files_of_a_later_version_are_not_guessed_at(tmp_path):
    path = edited(tmp_path, lambda f: f["entry"].attrs.modify("spectra_format", 2))
    with pytest.raises(ReaderError, match="later version of spectra; update"):
        spectra.open(path)


def test_absurdly_long_json_is_refused(tmp_path, monkeypatch):
    path = spectra.write(tmp_path / "r.h5", results())
    monkeypatch.setattr(hdf5, "_MAX_JSON", 10)
    with pytest.raises(DamagedFileError, match="expected JSON text of at most"):
        spectra.open(path)


def test_a_replaced_file_is_not_mixed_up_with_the_old(tmp_path):
    opened = spectra.open(spectra.write(tmp_path / "s.h5", stack()))
    spectra.write(tmp_path / "s.h5", stack()[:3])
    with pytest.raises(DamagedFileError, match="has been replaced since: open it again"):
        opened.load()


def test_what_cannot_be_stored_is_named(tmp_path):
    with pytest.raises(StoreError, match="/entry/data/description: a set cannot be stored"):
        spectra.write(tmp_path / "s.h5", stack().with_metadata(odd={1, 2}))
    assert list(tmp_path.iterdir()) == []
