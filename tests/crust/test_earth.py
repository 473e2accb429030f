"""Radial models: PREM, decks, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from zoo.crust.physics.earth import COLUMNS, EarthModel, prem, read_deck, write_deck
from zoo.errors import ZooError


def test_prem_has_the_mass_and_inertia_of_the_earth():
    model = prem()
    assert model.mass_kg == pytest.approx(5.974e24, rel=1e-3)
    assert model.inertia_kg_m2 == pytest.approx(8.02e37, rel=2e-3)
    assert len(model.radius_km) == 185
    assert model.moho_depth_km == pytest.approx(24.4)


def test_prem_at_known_places():
    """Values of table 2 of Dziewonski & Anderson (1981)."""
    model = prem(ocean=True)
    at_cmb = np.flatnonzero(model.radius_km == 3480.0)
    np.testing.assert_allclose(model.density_g_cm3[at_cmb], [9.90349, 5.56645], atol=2e-4)
    np.testing.assert_allclose(model.vpv_km_s[at_cmb], [8.06482, 13.71660], atol=2e-4)
    assert model.vsv_km_s[-1] == 0 and model.vpv_km_s[-1] == 1.45
    assert model.radius_km[-1] - model.radius_km[-2] == 3.0


@pytest.mark.parametrize("moho_km", [8.0, 35.0, 79.9, 80.1, 100.0])
def test_the_crust_of_prem_can_be_stretched(moho_km):
    model = prem(moho_depth_km=moho_km)
    assert model.moho_depth_km == pytest.approx(moho_km)
    assert model.vsv_km_s[-1] == 3.2
    with pytest.raises(ZooError, match="5 and 200"):
        prem(moho_depth_km=1.0)


def test_a_deck_comes_back(tmp_path):
    for model in (prem(), prem(ocean=True, moho_depth_km=40.0)):
        again = read_deck(write_deck(model, tmp_path / "deck.txt"))
        for name in COLUMNS:
            np.testing.assert_allclose(getattr(again, name), getattr(model, name), rtol=2e-6, atol=1e-3)
        assert again.title == model.title
    header = (tmp_path / "deck.txt").read_text().splitlines()[2].split()
    assert header[1:] == ["33", "66"]


def test_an_isotropic_deck_has_six_columns(tmp_path):
    lines = ["crust", " 0 1.0 1", " 3 0 0"]
    lines += [f"{r} 2800 6500 3700 57823 600" for r in (6_300_000, 6_350_000, 6_371_000)]
    (tmp_path / "deck").write_text("\n".join(lines))
    model = read_deck(tmp_path / "deck")
    np.testing.assert_array_equal(model.vph_km_s, 6.5)
    np.testing.assert_array_equal(model.eta, 1.0)


@pytest.mark.parametrize(
    "edit, says",
    [
        (lambda t: t[:9000], "cut off|columns"),
        (lambda t: t.replace("13088.5000", "nan", 1), "not finite"),
        (lambda t: t.replace("13088.5000", "x", 1), "line 4"),
        (lambda t: "\n".join(t.splitlines()[:2]), "does not begin like a deck"),
        (lambda t: t.replace(" 1 1.00000 1", " 1 1.00000 0"), "polynomials"),
        (lambda t: "", "does not begin like a deck"),
    ],
)
def test_bad_decks_are_named(tmp_path, edit, says):
    path = write_deck(prem(), tmp_path / "deck.txt")
    path.write_text(edit(path.read_text()))
    with pytest.raises(ZooError, match=says):
        read_deck(path)


def test_what_is_no_earth_is_refused(tmp_path):
    model = prem()
    values = {name: getattr(model, name) for name in COLUMNS}
    with pytest.raises(ZooError, match="ascend"):
        EarthModel(**{**values, "radius_km": model.radius_km[::-1]})
    with pytest.raises(ZooError, match="kg/m3 or m/s"):
        EarthModel(**{**values, "density_g_cm3": model.density_g_cm3 * 1e3})
    with pytest.raises(ZooError, match="must be > 0"):
        EarthModel(**{**values, "vpv_km_s": 0 * model.vpv_km_s})
    with pytest.raises(ZooError, match="cannot be read"):
        read_deck(tmp_path / "nothing")


def test_published_decks(real_data):
    ours, theirs = prem(), read_deck(real_data / "prem" / "prem_noocean.txt")
    for name in ("density_g_cm3", "vpv_km_s", "vsv_km_s", "eta", "qmu"):
        depth = np.linspace(1, 6370, 500)
        np.testing.assert_allclose(
            np.interp(6371 - depth, ours.radius_km, getattr(ours, name)),
            np.interp(6371 - depth, theirs.radius_km, getattr(theirs, name)),
            rtol=2e-3,
        )
