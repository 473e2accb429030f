"""Tables of `zoo.crust.physics.prior`: regions, ranges and PREM, after de Wit, Kaeufl, Valentine & Trampert (2014)."""

from __future__ import annotations

import numpy as np

from zoo.crust.physics.earth import EARTH_RADIUS_KM, PREM_REGIONS

# Regions below the Moho, from the centre: knots, bottom and top radius in PREM (km), the pieces of PREM_REGIONS.
_REGIONS = (
    ("inner core", 33, 0.0, 1221.5, (0,)),
    ("outer core", 33, 1221.5, 3480.0, (1,)),
    ("D''", 5, 3480.0, 3630.0, (2,)),
    ("lower mantle", 59, 3630.0, 5701.0, (3, 4)),
    ("transition zone", 9, 5701.0, 5971.0, (5, 6)),
    ("410 to 220 km", 9, 5971.0, 6151.0, (7,)),
    ("220 km to Moho", 9, 6151.0, 6346.6, (8,)),
)
OUTER_CORE_REGION, TRANSITION_REGION, ABOVE_410_REGION, LID_REGION = 1, 4, 5, 6
KNOTS = np.array([region[1] for region in _REGIONS])
FIRST_KNOT = np.concatenate([[0], np.cumsum(KNOTS)])
"""First knot of each region; the last entry is where the crust begins."""
MANTLE_KNOTS = int(FIRST_KNOT[-1])
"""Knots below the Moho, those of the core included."""
UPPER_MANTLE_KNOT, LID_KNOT = int(FIRST_KNOT[TRANSITION_REGION]), int(FIRST_KNOT[LID_REGION])
"""First knots of the transition zone, and of the part of the mantle above 220 km."""
# Table A.2: depths of the boundaries above inner core, outer core, D'', lower mantle, transition zone, 410-220.
DEPTHS_KM = np.array(
    [[5129.5, 5169.5], [2871.0, 2911.0], [2721.0, 2761.0], [640.0, 700.0], [370.0, 430.0], [200.0, 240.0]]
)
# Table A.3: departure of the topmost knot from PREM, %; rows regions; (low, high) of density, vp, vs.
TOP = (
    np.array(
        [
            [[-2, 2], [-2, 2], [-2, 2]],
            [[-2, 2], [-2, 2], [0, 0]],
            [[-3, 3], [-3, 3], [-3, 3]],
            [[-2, 2], [-2, 2], [-2, 2]],
            [[-5, 5], [-5, 5], [-5, 5]],
            [[-10, 5], [-10, 2.5], [-10, 5]],
            [[-7, 7], [-7, 7], [-7, 7]],
        ],
        np.float64,
    )
    / 100
)
OF_DENSITY, OF_VP, OF_VS = 0, 1, 2
STEP = np.array([0.5, 0.5, 1.0, 0.5, 1.0, 1.0, 2.0]) / 100  # the same, of each knot below the topmost
# Table A.4: log10 of Qmu and Qkappa. Rows of Qmu: inner core below and above 5760 km depth, mantle below 2157 km, to
# 1428 km, to the transition zone, the transition zone, 410 to 220 km, to 80 km, above with the crust. Rows of Qkappa:
# inner core, outer core, lower mantle, above.
QMU = np.log10(
    np.array(
        [[10, 300], [10, 300], [100, 1000], [100, 1000], [100, 1000], [50, 400], [50, 400], [20, 200], [10, 2200]],
        np.float64,
    )
)
QKAPPA = np.log10(np.array([[300, 3e5], [300, 1e5], [300, 1e5], [300, 2e5]], np.float64))
SHEAR_QS, BULK_QS = len(QMU), len(QKAPPA)
SEA_QKAPPA = float(PREM_REGIONS[-1][-2])
Q_INNER_CORE_KM, Q_LOWER_KM, Q_MIDDLE_KM, Q_LID_KM = 5760.0, 2157.0, 1428.0, 80.0
# Mass and moment of inertia of the Earth, and by how much a model's may differ.
MASS_KG, INERTIA_KG_M2 = (5.9733e24, 0.0090e24), (8.018e37, 0.012e37)


def _prem_on_regions() -> np.ndarray:
    """Return (6, mantle knots): density, vpv, vsv, vph, vsh, eta of PREM on equal steps of each region."""
    columns = []
    for _, knots, bottom, top, pieces in _REGIONS:
        radius = np.linspace(bottom, top, knots)
        x = radius / EARTH_RADIUS_KM
        values = np.array(
            [np.polynomial.polynomial.polyval(x, p) * np.ones(knots) for p in PREM_REGIONS[pieces[0]][1:7]]
        )
        for piece in pieces[1:]:
            above = radius >= PREM_REGIONS[piece][0]
            other = [np.polynomial.polynomial.polyval(x, p) * np.ones(knots) for p in PREM_REGIONS[piece][1:7]]
            values[:, above] = np.array(other)[:, above]
        columns.append(values)
    return np.concatenate(columns, axis=1)


PREM = _prem_on_regions()
PREM_DENSITY, PREM_VPV, PREM_VSV, PREM_VPH, PREM_VSH, PREM_ETA = range(6)
