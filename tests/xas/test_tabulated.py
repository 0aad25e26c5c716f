"""Energies of edges: those of xraydb, read from its file."""

from __future__ import annotations

import subprocess
import sys

import pytest
import xraydb

from spectra.errors import SettingError
from spectra.xas.tabulated import tabulated_edge


def test_all_edges_are_those_of_the_package():
    count = 0
    for number in range(1, 99):
        element = xraydb.atomic_symbol(number)
        for edge, tabulated in xraydb.xray_edges(element).items():
            assert tabulated_edge("test", element, edge) == float(tabulated.energy)
            count += 1
    assert count > 1000


def test_other_spellings_are_left_to_the_package():
    assert tabulated_edge("test", "ni", "k") == 8333.0


def test_what_is_not_tabulated_is_refused():
    with pytest.raises(SettingError, match="no 'M' edge of element 'Ni' is tabulated"):
        tabulated_edge("test", "Ni", "M")
    with pytest.raises(SettingError, match="element 'Xx'"):
        tabulated_edge("test", "Xx", "K")


def test_the_package_is_not_loaded_for_it():
    ask = "import sys; from spectra.xas.tabulated import tabulated_edge as t; t('', 'Ni', 'K'); "
    code = ask + "sys.exit('sqlalchemy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
