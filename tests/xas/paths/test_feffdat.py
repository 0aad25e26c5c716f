"""Files of FEFF: what is read of each version, and what is told of a bad one."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from made_paths import made_path

from spectra.errors import DataWarning, ReaderError
from spectra.xas import read_paths
from spectra.xas.paths.feffdat import read_feffdat

HEAD8 = """\
 V2O3 größe                                    Feff8L (EXAFS)       0.1
 POT  Non-SCF, core-hole, AFOLP (folp(0)= 1.150)
 Abs   Z=23 Rmt= 1.301 Rnm= 1.383 {edge} shell
 Pot 1 Z= 8 Rmt= 1.002 Rnm= 1.070
 Gam_ch=9.908E-01 H-L exch
 Mu=-2.146E+00 kf=2.334E+00 Vint=-2.291E+01 Rs_int= 1.554
 PATH  Rmax= 5.500,  Keep_limit= 0.00, Heap_limit 0.00  Pwcrit= 2.50%
 Path    1      icalc       2
 -----------------------------------------------------------------------
   2   3.000   1.9708    2.3666   -2.14628 nleg, deg, reff, rnrmav(bohr), edge
        x         y         z   pot at#
    -0.0000   -0.0000   -0.0000  0  23 V        absorbing atom
     0.7715    1.5224    0.9853  1   8 O
    k   real[2*phc]   mag[feff]  phase[feff] red factor   lambda     real[p]@#
"""
ROW = "{:7.3f}  2.5313E+00  {:.4E} -2.7857E+00  1.012E+00  3.5909E+01  2.3346E+00\n"


def text_of(edge="K ", rows=30):
    return HEAD8.format(edge=edge) + "".join(ROW.format(0.5 * i, 0.1 + i) for i in range(rows))


def written(folder, text, name="feff0001.dat"):
    path = folder / name
    path.write_bytes(text.encode("latin-1"))
    return path


def test_feff8_is_read_whole(tmp_path):
    path = read_feffdat(written(tmp_path, text_of()))
    assert (path.absorber, path.edge, path.scatterers) == ("V", "K", ("O",))
    assert (path.degeneracy, path.reff, path.norman_radius) == (3.0, 1.9708, 2.3666)
    assert (path.fermi_level, path.interstitial_potential) == (-2.146, -22.91)
    assert (path.fermi_wavenumber, path.interstitial_radius) == (2.334, 1.554)
    assert (path.core_hole_width, path.exchange) == (0.9908, "H-L exch")
    assert path.program == "Feff8L (EXAFS) 0.1"
    assert path.title.startswith("V2O3 gr")
    assert path.atoms[1].position == (0.7715, 1.5224, 0.9853)
    assert not math.copysign(1.0, path.atoms[0].position[0]) < 0
    np.testing.assert_array_equal(path.feff_amplitude, 0.1 + np.arange(30))
    assert pickle.loads(pickle.dumps(path)) == path


@pytest.mark.parametrize(("edge", "read"), [("L3", "L3"), ("LIII", "L3"), ("L1", "L1"), ("K", "K")])
def test_edges_of_both_spellings(tmp_path, edge, read):
    assert read_feffdat(written(tmp_path, text_of(edge))).edge == read


def test_numbers_as_fortran_writes_them(tmp_path):
    text = text_of().replace("1.012E+00", "1.012D+00").replace("2.5313E+00", "2.531-101")
    path = read_feffdat(written(tmp_path, text))
    assert path.reduction[0] == 1.012
    assert path.central_phase[0] == 2.531e-101


LINES = text_of().splitlines(keepends=True)
BAD = {
    "empty": ("", "the file is empty"),
    "binary": ("\0\1\2" * 50, "no path"),
    "without curves": ("".join(LINES[:13]), "no path"),
    "three rows": ("".join(LINES[:17]), "line 17: 3 rows of curves: the file is cut short"),
    "cut in a row": ("".join(LINES)[:-30], "line 44: .* is no row"),
    "cut in a number": ("".join(LINES)[:-7], "line 44: the last line .* is cut short"),
    "a column less": (text_of().replace("  2.3346E+00\n", "\n"), "line 15: .*7 finite numbers"),
    "not a number": (text_of().replace("4.1000E+00", "NaN", 1), "line 19: .* is no row"),
    "stars": (text_of().replace("4.1000E+00", "**********"), "line 19: .* is no row"),
    "k back": (text_of().replace("  5.000 ", "  3.000 "), "line 25: k = 3 after 4.5"),
    "no atoms": ("".join(LINES[:12] + LINES[13:]), "lines 12 to 12: 1 atoms for 2 legs"),
    "no element": (text_of().replace("1   8 O", "1 200 O"), "line 13: no element .* 200"),
    "no legs": (text_of().replace("   2   3.000", "   x   3.000"), "line 10: "),
    "degeneracy 0": (text_of().replace("   2   3.000", "   2   0.000"), "degeneracy of 0"),
    "λ of 0": (text_of().replace("3.5909E+01", "0.0000E+00"), "mean free path of 0"),
    "chi.dat": ("#  k          chi          mag           phase @#\n 1 2 3 4\n", "this is chi.dat"),
    "xmu.dat": ("#  omega    e    k    mu    mu0     chi     @#\n", "this is xmu.dat"),
    "paths.dat": ("  1  2   3.000  index, nleg, degeneracy, r=  1.9\n", "this is paths.dat"),
    "files.dat": ("    file        sig2   amp ratio    deg\n", "this is files.dat"),
    "feff.inp": ("TITLE a\nPOTENTIALS\n 0 23\nATOMS\n", "this is feff.inp"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_files_are_told_with_line_and_remedy(tmp_path, kind):
    text, told = BAD[kind]
    path = written(tmp_path, text)
    with pytest.raises(ReaderError, match=told) as caught:
        read_feffdat(path)
    assert caught.value.path == str(path)
    assert caught.value.remedy


def test_a_missing_file_and_a_folder(tmp_path):
    for path in (tmp_path / "none.dat", tmp_path):
        with pytest.raises(ReaderError, match="check the name"):
            read_feffdat(path)


FILES = """\
 V2O3
 -----------------------------------------------------------------------
    file        sig2   amp ratio    deg    nlegs  r effective
 feff0001.dat 0.00000   100.000     3.000     2   1.9708
 feff0002.dat 0.00000    91.900     {}     2   2.0493
"""


def folder_of_paths(folder, degeneracy="3.000"):
    written(folder, text_of())
    written(folder, text_of().replace("1.9708", "2.0493"), "feff0002.dat")
    written(folder, FILES.format(degeneracy), "files.dat")


def test_a_folder_a_file_and_several(tmp_path):
    folder_of_paths(tmp_path)
    whole = read_paths(tmp_path)
    assert whole.labels == ("V-O 1.971", "V-O 2.049")
    assert read_paths(tmp_path / "feff0002.dat").labels == ("V-O 2.049",)
    both = [tmp_path / "feff0002.dat", str(tmp_path / "feff0001.dat")]
    assert read_paths(both).labels == ("V-O 2.049", "V-O 1.971")


def test_paths_left_from_another_run_are_left_out(tmp_path):
    folder_of_paths(tmp_path)
    written(tmp_path, text_of(), "feff0009.dat")
    with pytest.warns(DataWarning, match=r"feff0009.dat not in files.dat"):
        assert len(read_paths(tmp_path)) == 2


def test_a_missing_path_is_told(tmp_path):
    folder_of_paths(tmp_path)
    (tmp_path / "feff0002.dat").unlink()
    with pytest.warns(DataWarning, match=r"feff0002.dat of files.dat not in the folder"):
        assert len(read_paths(tmp_path)) == 1


def test_another_degeneracy_is_told(tmp_path):
    folder_of_paths(tmp_path, "6.000")
    with pytest.warns(DataWarning, match=r"feff0002.dat with another degeneracy"):
        read_paths(tmp_path)


def test_a_degeneracy_that_is_no_number_is_told(tmp_path):
    folder_of_paths(tmp_path, "*****")
    with pytest.raises(ReaderError, match=r"files.dat: the degeneracy '\*+' of feff0002.dat"):
        read_paths(tmp_path)


def test_paths_of_two_runs_are_told(tmp_path):
    written(tmp_path, text_of())
    written(tmp_path, text_of().replace("Mu=-2.146E+00", "Mu=-3.000E+00"), "feff0002.dat")
    with pytest.warns(DataWarning, match="different runs of FEFF"):
        read_paths(tmp_path)


def test_a_folder_without_paths(tmp_path):
    with pytest.raises(ReaderError, match="no file feffNNNN"):
        read_paths(tmp_path)


@pytest.mark.realdata
def test_the_folder_of_copper(data):
    paths = read_paths(data / "xas" / "copper" / "feff_Cu")
    assert len(paths) == len(set(paths.labels)) == 13
    assert paths[0].label == "Cu-Cu 2.548"
    assert paths[0].importance == 100.0
    assert {p.program for p in paths} == {"Feff XX 6.10"}
    assert paths[0] != made_path()
