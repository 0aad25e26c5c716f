"""Sheets of samples: what they say, and what is wrong with them before anything starts."""

from __future__ import annotations

import warnings
from datetime import datetime

import numpy as np
import pytest
from tests.lines_of_samples import write_lines, write_recipe, write_samples

from spectra.errors import DataWarning, ReaderError, SettingError
from spectra.recipe import read_stack
from spectra.samples import load_samples

pytestmark = pytest.mark.filterwarnings("ignore::spectra.errors.DataWarning")


@pytest.fixture
def sheet(tmp_path):
    return write_samples(tmp_path)


def changed(path, old, new, count=1):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, count))
    return path


def test_what_a_sheet_says(sheet):
    samples = load_samples(sheet)
    assert samples.title == "Lines"
    assert samples.axis == "state_of_charge"
    assert samples.output == sheet.parent / "results"
    assert [s.name for s in samples.samples] == ["a", "b"]
    assert samples.sample("b").values == {"mass": 2.0}
    one, two = samples.sample("a").measurements
    assert (one.name, two.name) == ("raman", "raman-2")
    assert one.output == sheet.parent / "results" / "a" / "raman.h5"
    assert [f.name for f in one.files] == ["a0_0.txt", "a0_1.txt", "a0_2.txt"]
    assert two.values == {"temperature": 301.0}
    assert one.recipe.settings.title == "a: One line"


def test_values_become_variables_of_the_frames(sheet):
    measurement = load_samples(sheet).sample("a").measurements[1]
    variables = read_stack(measurement.recipe).variables
    np.testing.assert_array_equal(variables["state_of_charge"].values, [0.0, 0.5, 1.0])
    np.testing.assert_array_equal(variables["temperature"].values, [301.0] * 3)
    assert variables["temperature"].unit == "K"


def test_values_of_a_column_of_a_file(sheet):
    (sheet.parent / "soc.csv").write_text("frame;x\n0;0,25\n1;0,5\n2;0,75\n")
    changed(sheet, "[0.0, 0.5, 1.0]", '{ file = "soc.csv", column = "x" }')
    measurement = load_samples(sheet).sample("a").measurements[0]
    assert measurement.recipe.settings.stack.variables["state_of_charge"] == [0.25, 0.5, 0.75]


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("[recipes]", "[recipe]", r"samples.toml, key 'recipe': unknown; did you mean 'recipes'\?"),
        ("files = ", "flies = ", r"sample 'a', measurement 1, key 'flies': unknown; .*'files'"),
        ('technique = "raman"', 'technique = "ramen"', r"'ramen' has no recipe; .*'raman'\?"),
        (
            "mass = 1.0",
            "mass = '1,0 mg'",
            r"sample 'a', key 'mass': it is '1,0 mg', but others have",
        ),
        (
            '"raman.toml"',
            '"gone.toml"',
            "'b', measurement 2, recipe of 'raman': .*gone.toml",
        ),
        ("data/a0_*", "data/none_*", "measurement 1, key 'files': .*no file matches"),
        ('name = "b"', 'name = "a"', "sample 2: the name 'a' is taken"),
        ('name = "b"', 'name = "A"', "samples 'a' and 'A' would share a folder"),
        ("mass = 1.0", "nmae = 1.0", r"sample 'a', key 'nmae': unknown; did you mean 'name'\?"),
        ("state_of_charge", "state_of_chrage", r"'state_of_chrage' is rare; did you mean"),
        ("[0.0, 0.5, 1.0]", '["x"]', "key 'state_of_charge': .*expected a list of numbers"),
        ('title = "Lines"', 'axis = "temperatur"', r"no variable 'temperatur'; did you mean"),
        ("temperature = 300.0", "laser = 'green'", "stack.laser"),
        ("temperature = 300.0", 'mask = "m.tif"', "key 'mask': .*m.tif does not exist"),
        ("temperature = 300.0", 'electrochemistry.file = "c.mpt"', "c.mpt does not exist"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(sheet, old, new, match):
    with pytest.raises(SettingError, match=match):
        load_samples(changed(sheet, old, new))


def test_everything_wrong_is_told_at_once(sheet):
    changed(sheet, "data/a0_*", "data/none_*")
    changed(sheet, "data/b1_*", "data/nothing_*")
    with pytest.raises(SettingError) as caught:
        load_samples(sheet)
    assert len(str(caught.value).splitlines()) == 2
    assert not (sheet.parent / "results").exists()


def test_a_table_of_samples(sheet):
    path = sheet.parent / "table.csv"
    path.write_text(
        "sample,technique,recipe,files,state_of_charge,mass,operator\n"
        "a,raman,raman.toml,data/a0_*.txt,0; 0.5; 1,1.2,=me\n"
        "\n"
        "a,raman,raman.toml,data/a1_0.txt;data/a1_1.txt,0.25,1.2,you\n"
    )
    samples = load_samples(path)
    (sample,) = samples.samples
    assert sample.values == {"mass": 1.2}
    one, two = sample.measurements
    assert one.values == {"mass": 1.2, "operator": "=me"}
    assert one.recipe.settings.stack.variables["state_of_charge"] == [0.0, 0.5, 1.0]
    assert [f.name for f in two.files] == ["a1_0.txt", "a1_1.txt"]
    assert two.values["state_of_charge"] == 0.25


@pytest.mark.parametrize(
    ("row", "match"),
    [
        ("a,raman,raman.toml,data/none.txt,1", "table.csv, row 3, column 'files'"),
        (",raman,raman.toml,data/a0_0.txt,1", "row 3, column 'sample': it is empty"),
        ("a,,raman.toml,data/a0_0.txt,1", "row 3, column 'technique': it is missing"),
        ("a,xrd,,data/a0_0.txt,1", "row 3, column 'technique': 'xrd' has no recipe"),
    ],
)
def test_a_row_and_its_column_are_named(sheet, row, match):
    path = sheet.parent / "table.csv"
    head = "sample,technique,recipe,files,x\na,raman,raman.toml,data/a0_0.txt,0\n"
    path.write_text(head + row + "\n")
    with pytest.raises(SettingError, match=match):
        load_samples(path)


def test_tables_that_are_none(sheet):
    path = sheet.parent / "table.csv"
    path.write_text("sample,tecnique,files\na,raman,x\n")
    with pytest.raises(ReaderError, match=r"no column 'technique'.*is it 'tecnique'"):
        load_samples(path)
    path.write_text("sample,technique,files\na,raman,x,y\n")
    with pytest.raises(ReaderError, match="row 2: 4 cells under 3 columns"):
        load_samples(path)
    (sheet.parent / "book.xlsx").write_bytes(b"no zip")
    with pytest.raises(ReaderError, match="not a readable zip file"):
        load_samples(sheet.parent / "book.xlsx")


HEAD = "sample,technique,recipe,files,temperature [K]\n"


def test_words_among_numbers_are_refused_with_their_place(sheet):
    path = sheet.parent / "table.csv"
    rows = "a,raman,raman.toml,data/a0_0.txt,300\nb,raman,raman.toml,data/b0_0.txt,27 C\n"
    path.write_text(HEAD + rows)
    with pytest.raises(SettingError, match=r"row 3, column 'temperature \[K\]': it is '27 C', but"):
        load_samples(path)
    path.write_text(HEAD + rows.partition("\n")[0].replace("300", "warm") + "\n")
    with pytest.raises(SettingError, match="its name states the unit K"):
        load_samples(path)
    path.write_text(HEAD + rows.replace("27 C", ""))
    assert len(load_samples(path).samples) == 2
    # Words alone are a value like any other.
    path.write_text(HEAD.replace("temperature [K]", "heated") + rows.replace("300", "no"))
    assert load_samples(path).samples[0].values["heated"] == "no"


def test_two_samples_of_the_same_files_are_told(sheet):
    path = sheet.parent / "table.csv"
    rows = "a,raman,raman.toml,data/a0_0.txt,300\nb,raman,raman.toml,data/a0_0.txt,310\n"
    path.write_text(HEAD + rows)
    with pytest.warns(DataWarning, match=r"row 3: samples 'a' and 'b' have the same files \(a0_0"):
        load_samples(path)
    path.write_text(HEAD + rows.replace("b,raman", "a,raman"))
    with pytest.warns(DataWarning, match=r"row 3: 'raman' and 'raman-2' have the same files"):
        load_samples(path)
    path.write_text(HEAD + rows.replace("data/a0_0.txt,300", "data/a0_0.txt;data/a0_0.txt,300"))
    with pytest.warns(DataWarning, match=r"row 2: it names one file more than once \(a0_0"):
        load_samples(path)
    # In another way, a file may be evaluated again.
    path.write_text(HEAD + rows.replace("b,raman", "a,bands"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_samples(path)


def test_a_table_without_recipes_says_where_they_go(sheet):
    path = sheet.parent / "table.csv"
    path.write_text("sample,technique,files\na,raman,data/a0_0.txt\n")
    with pytest.raises(
        SettingError, match=r"no recipe; name one in a column 'recipe', or in \[rec"
    ):
        load_samples(path)
    path.write_text("Sample,technique,file\na,raman,data/a0_0.txt\n")
    with pytest.raises(ReaderError, match=r"'sample' nor 'files'.*is it 'Sample' and 'file'\?"):
        load_samples(path)


def test_a_workbook_of_samples(sheet):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    rows = book.active
    rows.title = "samples"
    rows.append(["sample", "technique", "files", "state_of_charge", "note"])
    rows.append([7, "raman", "data/a0_*.txt", 0.5, None])
    recipes = book.create_sheet("recipes")
    recipes.append(["technique", "recipe"])
    recipes.append(["raman", "raman.toml"])
    path = sheet.parent / "book.xlsx"
    book.save(path)
    (sample,) = load_samples(path).samples
    assert sample.name == "7"
    assert sample.measurements[0].values == {"state_of_charge": 0.5}
    rows["D2"] = "=1/2"
    book.save(path)
    with pytest.raises(ReaderError, match=r"'samples', row 2: a formula without its value"):
        load_samples(path)


def test_one_value_for_each_file_of_several_frames(tmp_path):
    write_recipe(tmp_path)
    write_lines(tmp_path, "one", [518.0])
    write_lines(tmp_path, "two", [519.0, 520.0])
    text = '[recipes]\nraman = "raman.toml"\n[[sample]]\nname = "s"\n[[sample.measurement]]\n'
    path = tmp_path / "samples.toml"
    path.write_text(text + 'technique = "raman"\nfiles = ["one_0.txt", "two_*.txt"]\nx = [1, 2]\n')
    measurement = load_samples(path).samples[0].measurements[0]
    with pytest.raises(SettingError, match="variable 'x' has 2 values for 3 frames"):
        read_stack(measurement.recipe)


def test_depth_is_one_of_two_or_a_variable(sheet):
    changed(sheet, "temperature = 300.0", 'depth = "surface"')
    changed(sheet, "temperature = 301.0", "depth = 3.0")
    one, two = load_samples(sheet).sample("a").measurements
    assert (one.values["depth"], two.values["depth"]) == ("surface", 3.0)
    assert "depth" in read_stack(two.recipe).variables
    changed(sheet, 'depth = "surface"', 'depth = "skin"')
    with pytest.raises(SettingError, match=r"key 'depth': it is 'skin'; expected 'bulk' or"):
        load_samples(sheet)


def test_values_of_a_table_keep_their_units(sheet):
    path = sheet.parent / "table.csv"
    head = "sample,technique,recipe,files,mass [mg],duration [h],duration [min]\n"
    path.write_text(head + "a,raman,raman.toml,data/a0_0.txt,1.5,2,\n"
                    "b,raman,raman.toml,data/a0_0.txt,1.7,,90\n")  # fmt: skip
    samples = load_samples(path)
    assert samples.units == {"mass": "mg", "duration": "h"}
    assert samples.sample("a").values == {"mass": 1.5, "duration": 2.0}
    assert samples.sample("b").values == {"mass": 1.7, "duration": 1.5}
    path.write_text(head.replace("duration [min]", "mass [g]") + "a,raman,raman.toml,"
                    "data/a0_0.txt,1.5,2,\nb,raman,raman.toml,data/a0_0.txt,,,0.002\n")  # fmt: skip
    assert load_samples(path).sample("b").values == {"mass": 2.0}
    # What cannot be converted is told under the unit that it came in.
    path.write_text(head.replace("duration [min]", "mass [drops]") + "a,raman,raman.toml,"
                    "data/a0_0.txt,1.5,2,\nb,raman,raman.toml,data/a0_0.txt,,,0.002\n")  # fmt: skip
    assert load_samples(path).sample("b").values == {"mass [drops]": 0.002}


def test_a_label_is_no_number_by_its_underscore(sheet):
    path = sheet.parent / "table.csv"
    head = "sample,technique,recipe,files,batch\n"
    path.write_text(head + "a,raman,raman.toml,data/a0_0.txt,2024_01\n")
    assert load_samples(path).sample("a").values == {"batch": "2024_01"}


ROW = "a;raman;raman.toml;data/a0_0.txt;0,5;1,25E-03\n"
TITLES = "sample;technique;recipe;files;state_of_charge;mass [mg]\n"


@pytest.mark.parametrize(
    "text",
    [
        "Samples of May, 2024;;;;;\n;;;;;\n" + TITLES + ROW,
        "sep=;\n" + TITLES + ROW,
        TITLES + ROW.replace("0,5", "50 %"),
        TITLES + ROW.replace("0,5", "50,0%"),
        (TITLES + ROW).replace(";", "\t"),
        TITLES + ROW.replace("a;raman", "a ;Raman ") + ROW.replace("a;", "b;").replace("a0", "b0"),
    ],
)
def test_tables_as_spreadsheets_write_them(sheet, text):
    path = sheet.parent / "table.csv"
    path.write_text(text)
    samples = load_samples(path)
    assert samples.sample("a").values == {"state_of_charge": 0.5, "mass": 0.00125}
    assert len({m.technique for _, m in samples.measurements()}) == 1


def test_titles_and_merged_cells_of_a_workbook(sheet):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    rows = book.active
    rows.append(["Samples of May"])
    rows.append(["sample", "technique", "recipe", "files", "state_of_charge", "seen", "dry"])
    rows.append(["a", "raman", "raman.toml", "data/a0_*.txt", 0.5, datetime(2024, 5, 1), True])
    rows.append([None, "raman", "raman.toml", "data/a1_*.txt", 0.7, "", True])
    rows.merge_cells("A1:E1")
    rows.merge_cells("A3:A4")
    path = sheet.parent / "book.xlsx"
    book.save(path)
    (sample,) = load_samples(path).samples
    assert [m.values["state_of_charge"] for m in sample.measurements] == [0.5, 0.7]
    assert sample.measurements[0].values["seen"] == "2024-05-01"
    assert sample.values == {"dry": "True"}
    rows["E4"] = "#DIV/0!"
    book.save(path)
    with pytest.raises(SettingError, match=r"row 4, column 'state_of_charge': it is '#DIV/0!', a"):
        load_samples(path)
    rows.title = "recipes"
    book.save(path)
    with pytest.raises(ReaderError, match="no column 'sample' nor 'technique' nor 'files'"):
        load_samples(path)


def test_rows_without_a_sample_are_told_all(sheet):
    path = sheet.parent / "table.csv"
    path.write_text("technique;recipe;files;sample\nraman;raman.toml\n;;;\nraman;;data/a0_0.txt;\n")
    with pytest.raises(SettingError, match=r"(?s)row 2, column 'sample': it is.*row 4, column"):
        load_samples(path)


def test_all_that_is_wrong_with_a_measurement_is_told(sheet):
    path = sheet.parent / "table.csv"
    path.write_text(TITLES + ROW.replace("a0", "none").replace("raman.toml", "gone.toml"))
    with pytest.raises(SettingError) as caught:
        load_samples(path)
    first, second = str(caught.value).splitlines()
    assert "column 'files'" in first
    assert "gone.toml: no such file" in second


def test_values_of_samples_have_units_in_toml_too(sheet):
    changed(sheet, "mass = 1.0", '"mass [mg]" = 1.5')
    changed(sheet, "mass = 2.0", '"mass [g]" = 0.002')
    samples = load_samples(sheet)
    assert samples.units["mass"] == "mg"
    assert [s.values["mass"] for s in samples.samples] == [1.5, 2.0]


def test_long_names_of_samples_are_names_of_folders(sheet):
    long = "\u9492" * 120
    changed(sheet, 'name = "a"', f'name = "{long}1"')
    changed(sheet, 'name = "b"', f'name = "{long}2"')
    one, two = (s.measurements[0].output.parent for s in load_samples(sheet).samples)
    assert one != two
    one.mkdir(parents=True)
    assert len(one.name.encode()) <= 100
