"""χ(k) of column files: named and unnamed columns, uneven k, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import spectra
from spectra.errors import DataWarning, ReaderError
from spectra.xas.exafs.chi import chi_of

K = 0.05 * np.arange(280)
CHI = 0.3 * np.sin(4.2 * K) * np.exp(-0.015 * K**2)


def write(path, k, chi, header="# k chi chik chik2 chik3"):
    table = np.column_stack([k, chi, chi * k, chi * k**2, chi * k**3])
    rows = "\n".join(" ".join(f"{v:.8f}" for v in row) for row in table)
    path.write_text(f"# Athena data file -- Athena version 0.9.26\n#----\n{header}\n{rows}\n")
    return path


@pytest.mark.parametrize("name", ["cu.chik", "cu.chi", "cu.dat"])
def test_an_export_of_athena_is_read(tmp_path, name):
    stack = spectra.read(write(tmp_path / name, K, CHI))
    assert (stack.quantity, stack.axis.name, stack.axis.unit) == ("chi", "k", "1/angstrom")
    np.testing.assert_allclose(stack.x, K, atol=1e-9)
    np.testing.assert_allclose(stack.signal[0], CHI, atol=1e-7)
    chi = chi_of("test", stack)
    assert chi.step == pytest.approx(0.05)


def test_plain_columns_are_chi_if_they_are_said_to_be(tmp_path):
    path = tmp_path / "plain.dat"
    np.savetxt(path, np.column_stack([K[2:], CHI[2:]]))
    stack = spectra.read(path, quantity="chi")
    assert stack.quantity == "chi"
    found = chi_of("test", stack)
    assert found.k[0] == 0.0
    assert np.isnan(found.values[0, :2]).all()
    np.testing.assert_allclose(found.values[0, 2:], CHI[2:], atol=1e-9)


def test_weighted_chi_is_made_plain_by_an_expression(tmp_path):
    path = write(tmp_path / "weighted.dat", K[1:], CHI[1:])
    stack = spectra.read(path, quantity="chi", signal="chik2/k**2")
    np.testing.assert_allclose(stack.signal[0], CHI[1:], atol=1e-5)


def test_uneven_k_is_made_even_and_it_is_said(tmp_path):
    k = K + 0.008 * np.sin(np.arange(len(K)))
    k[0] = 0.0
    chi = 0.3 * np.sin(4.2 * k) * np.exp(-0.015 * k**2)
    with pytest.warns(DataWarning, match="uneven points of k"):
        stack = spectra.read(write(tmp_path / "uneven.chik", k, chi))
    assert "uneven" in stack.messages[0]
    found = chi_of("test", stack)
    exact = 0.3 * np.sin(4.2 * found.k) * np.exp(-0.015 * found.k**2)
    known = np.isfinite(found.values[0])
    assert np.abs(found.values[0] - exact)[known].max() < 1e-4


def test_energies_are_not_k(tmp_path):
    path = tmp_path / "mu.dat"
    np.savetxt(path, np.column_stack([np.arange(8900.0, 9100.0), np.ones(200)]))
    with pytest.raises(ReaderError, match="quantity='mu'"):
        spectra.read(path, quantity="chi")
