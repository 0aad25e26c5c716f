"""Form factors against the tables' own programs; their slopes against the complex step."""

from __future__ import annotations

import gemmi
import numpy as np
import pytest
import xraydb
from structures import waasmaier_kirfel

from spectra.errors import SettingError
from spectra.units import energy_from_wavelength
from spectra.xrd.crystal.scattering import FormFactors

S2 = np.linspace(0.0, 2.0, 40).reshape(4, 10)


def test_every_entry_of_waasmaier_and_kirfel():
    ions = [i for i in xraydb.f0_ions() if i not in ("Cval", "Siva")]
    factors = FormFactors.of(ions)
    assert factors.entries == tuple(ions)
    value, slope = factors.evaluate(S2)
    for k, ion in enumerate(ions):
        np.testing.assert_allclose(value[k], xraydb.f0(ion, np.sqrt(S2)), rtol=1e-12)
        exact = waasmaier_kirfel(ion, S2 + 1e-30j).imag / 1e-30
        np.testing.assert_allclose(slope[k], exact, rtol=1e-12)


@pytest.fixture
def ions_of_gemmi():
    gemmi.IT92_set_ignore_charge(False)
    yield
    gemmi.IT92_set_ignore_charge(True)


def test_the_setting_of_gemmi_is_left_alone():
    FormFactors.of(("V5+",), table="it92")
    assert gemmi.IT92_get_ignore_charge()


@pytest.mark.usefixtures("ions_of_gemmi")
def test_international_tables():
    factors = FormFactors.of(("V", "V5+", "O2-", "D"), table="it92")
    assert factors.entries == ("V", "V5+", "O2-", "H")
    value, _ = factors.evaluate(S2)
    for k, (element, charge) in enumerate((("V", 0), ("V", 5), ("O", -2), ("H", 0))):
        entry = gemmi.IT92_get_exact(gemmi.Element(element), charge)
        for row, theirs in zip(S2.ravel(), value[k].ravel(), strict=True):
            assert theirs == pytest.approx(entry.calculate_sf(row), rel=1e-5)


def test_f_at_zero_angle_is_the_number_of_electrons():
    kinds = ("V", "V5+", "O2-", "Na1+", "Ba2+", "I1-")
    for table in ("waasmaier-kirfel", "it92"):
        value, _ = FormFactors.of(kinds, table=table).evaluate(np.zeros(1))
        known = [23, 18, 10, 10, 54, 54]
        np.testing.assert_allclose(value[:, 0], known, atol=0.1)


@pytest.mark.parametrize(
    ("asked", "entry"),
    [
        ("P5+", "P"),
        ("V4+", "V3+"),
        ("Mn7+", "Mn4+"),
        ("H1+", "H"),
        ("Fe6+", "Fe3+"),
        ("7Li1+", "Li1+"),
    ],
)
def test_an_ion_without_entry_takes_the_nearest(asked, entry):
    assert FormFactors.of((asked,)).entries == (entry,)


def test_anomalous_scattering_is_chantlers():
    factors = FormFactors.of(("Fe2+", "D"), wavelength=1.5406)
    energy = float(energy_from_wavelength(1.5406))
    assert factors.anomalous[0].real == pytest.approx(float(xraydb.f1_chantler("Fe", energy)))
    assert factors.anomalous[0].imag == pytest.approx(float(xraydb.f2_chantler("Fe", energy)))
    # International Tables C, table 4.2.6.8 for iron at Cu Ka: about -1.1 and 3.2 electrons.
    assert factors.anomalous[0].real == pytest.approx(-1.1, abs=0.15)
    assert factors.anomalous[0].imag == pytest.approx(3.2, abs=0.1)
    assert (FormFactors.of(("Fe",)).anomalous == 0).all()


def test_neutrons():
    """Sears (1992): V -0.3824, O 5.803, H -3.739 and D 6.671 fm; charges do not matter."""
    factors = FormFactors.of(("V5+", "O2-", "H", "D"), "neutron")
    assert factors.constant == pytest.approx([-0.3824, 5.803, -3.739, 6.671], rel=1e-5)
    value, slope = factors.evaluate(S2)
    assert (value == factors.constant[:, None, None]).all()
    assert (slope == 0).all()


def test_isotopes():
    """Lithium-7 against natural lithium; an absorber has an imaginary part."""
    factors = FormFactors.of(("7Li1+", "Li", "6Li"), "neutron")
    assert factors.entries == ("7Li", "Li", "6Li")
    assert factors.constant == pytest.approx([-2.22, -1.90, 2.00])
    assert factors.anomalous.imag.tolist() == [0, 0, -0.261]
    # Natural abundances (92.4 % of lithium-7) give the natural element.
    assert pytest.approx(-1.90, abs=0.01) == 0.924 * -2.22 + 0.076 * 2.00
    nickel = FormFactors.of(("58Ni", "60Ni", "62Ni", "Ni"), "neutron").constant
    # Nickel-61 and -64 make up the two percent left.
    assert nickel[:3] @ [0.6808, 0.2622, 0.0363] == pytest.approx(nickel[3], abs=0.1)


def test_what_is_not_known_is_said():
    with pytest.raises(SettingError, match="'Wat' is no element"):
        FormFactors.of(("Wat",))
    with pytest.raises(SettingError, match="scattering length of '57Fe'"):
        FormFactors.of(("57Fe",), "neutron")
    with pytest.raises(SettingError, match="scattering length of 'Wat'"):
        FormFactors.of(("Wat",), "neutron")
    with pytest.raises(SettingError, match="expected one of xray, neutron"):
        FormFactors.of(("Fe",), "electron")
    with pytest.raises(SettingError, match="expected one of waasmaier-kirfel, it92"):
        FormFactors.of(("Fe",), table="itc")
    with pytest.raises(SettingError, match="wavelength -1"):
        FormFactors.of(("Fe",), wavelength=-1.0)
