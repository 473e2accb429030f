"""An earth of flat layers, from the table that people have: depth, vp, vs, density."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from zoo.errors import ZooError
from zoo.field.text_tables import needed, numbers, plain, read_columns, read_text
from zoo.microseismic.physics.elastic_model import ElasticModel

# Names of columns, what they hold, and the ending of those that are in km, km/s or g/cm3.
_COLUMNS = (
    (r"(depth|z|top)_k?m", "the depth (depth_m or depth_km)", "_km$"),
    (r"vp_k?m_s", "vp (vp_m_s or vp_km_s)", "_km_s$"),
    (r"vs_k?m_s", "vs (vs_m_s or vs_km_s)", "_km_s$"),
    (r"(density|rho)_(kg_m3|g_cm3)", "the density (density_kg_m3 or density_g_cm3)", "_g_cm3$"),
)
MARGIN_KM = 0.2
"""The model reaches this far beyond the outermost receivers; those by degrees are put as far inside the other sides."""


def read_layers(path: str | os.PathLike) -> np.ndarray:
    """Return the layers (n, 4) of a CSV file: depth of the top in m from the model's surface down, vp, vs, density.

    Args:
        path: table with the columns depth_m, vp_m_s, vs_m_s, density_kg_m3, or in km, km/s and g/cm3 under such names;
            vs is 0 in water. (`zoo.field.layers` reads rock without density, for travel times.)

    Raises:
        ZooError: the file is missing, a column is, a number is none, or the depths do not begin at 0 and increase.

    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "layers.csv"
    ...     rows = "0,1480,0,1020", "200,1800,700,2000"
    ...     _ = path.write_text("\\n".join(["depth_m,vp_m_s,vs_m_s,density_kg_m3", *rows]))
    ...     read_layers(path)[:, 1].tolist()
    [1480.0, 1800.0]
    """
    where = Path(path).name
    columns = read_columns(read_text(path, "Layers"), where)
    found = []
    for pattern, what, thousands in _COLUMNS:
        name = needed(columns, pattern, what, where)
        found.append(numbers(columns[name], name, where) * (1000.0 if re.search(thousands, plain(name)) else 1.0))
    layers = np.stack(found, axis=1)
    if len(layers) < 2 or layers[0, 0] != 0 or np.any(np.diff(layers[:, 0]) <= 0) or not np.isfinite(layers).all():
        raise ZooError(
            f"{path} has the depths {', '.join(f'{row[0]:g}' for row in layers)} m; expected the tops of at least two "
            "layers, from 0 down."
        )
    return layers


def depth_of_bottom_m(layers: np.ndarray) -> float:
    """Return the depth of the model's bottom: the lowest layer is as thick as the one above it."""
    return float(2 * layers[-1, 0] - layers[-2, 0])


def layered_model(layers: np.ndarray, receivers_km: np.ndarray, spacing_m: Sequence[float]) -> ElasticModel:
    """Return the earth of flat layers around receivers.

    The lowest layer is as thick as the one above it, so the bottom, z = 0, lies at the depth of the last top and that
    thickness more. The model reaches from 0 to `MARGIN_KM` beyond the outermost receivers in x and y. A node on an
    interface belongs to the layer above: sensors on the seabed are in the water.

    Args:
        layers: (n, 4) of `read_layers`.
        receivers_km: (receivers, 3) x, y, z, km, z up from the bottom.
        spacing_m: grid spacing along x, y, z, m.

    >>> sea = np.array([[0, 1480, 0, 1020], [200, 1800, 700, 2000], [500, 2300, 1100, 2150.0]])
    >>> layered_model(sea, [[0.4, 0.2, 0.6]], (20, 20, 20)).extent_km.tolist()
    [0.6, 0.4, 0.8]
    """
    spacing_m = np.asarray(spacing_m, np.float64)
    bottom_m = depth_of_bottom_m(layers)
    size_m = np.append(1000.0 * (np.max(np.asarray(receivers_km)[:, :2], axis=0) + MARGIN_KM), bottom_m)
    shape = np.ceil(size_m / spacing_m - 1e-6).astype(int) + 1
    depth_m = bottom_m - np.arange(shape[2]) * spacing_m[2]
    which = np.clip(np.searchsorted(layers[:, 0], depth_m - 1e-6, side="left") - 1, 0, None)
    vp, vs, density = (np.broadcast_to(layers[which, k], tuple(shape)).copy() for k in (1, 2, 3))
    return ElasticModel(vp, vs, density, tuple(spacing_m))
