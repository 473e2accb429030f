"""When and where was seismicity anomalous?

    from zoo.seismicity import find_anomalies

    found = find_anomalies("catalogue.csv")            # CSV, GeoJSON, QuakeML ...: see `read_catalogue`
    print(found.report())
    found.write("anomalies")                           # tables, GeoJSON, figures, a movie

Paper: Zhang & Yang, An automated, deep-learning-based method for investigating spatial-temporal evolution of
seismicity. The events of a catalogue are counted on maps in windows that slide over time, and a residual network says
of each map whether events gather in it beyond what the background does by itself. Real catalogues are half aftershocks,
so here each window is held against an ETAS model fitted to the catalogue; the network stands beside.

A catalogue passes through the modules in this order:

    catalogues/     the file is read, whatever its columns, and projected to kilometres
    region          the events in the region, from the magnitude of completeness on, are kept
    grid            they are put into pixels, and maps of 64 x 64 pixels cover the region
    windows         windows slide over time, and the events of each are counted
    etas/           a model of background and aftershocks is fitted to the catalogue: what it expects at any time and
                    place, years simulated from it, and the scan of the catalogue against it
    expectation     what the model expects in each window, and its ordinary years
    scores          each window gets the scan's score, and beside it a network's and those of the baselines (Poisson
                    scan, event count, largest pixel); each score's threshold is set by its alarms in ordinary years
    intervals       windows above the threshold become intervals
    places          significant pixels in them become sequences (kinds: of what kind, from when to when), and where
                    sequences were, subregions
    report          the result, `Seismicity`: a text, a table, and all that is written (files: CSV and GeoJSON;
                    figures/: figures and a movie)

`anomalies` holds the function that takes these steps, `find_anomalies`, and `manual` compares the result with periods
that a person marked. Beside the run stand `physics/` (simulated maps and catalogues, which the network learns from),
`models/` (the network, its training, and gradient boosting to compare it with), `demo` (the chapter of `zoo demo`) and
`reproduce`, `reproduce_calibration` (experiments of `zoo reproduce`).

Importing `zoo.seismicity` imports neither TensorFlow nor Keras; what needs them does.

>>> import numpy as np
>>> from zoo.seismicity import TASKS, draw_maps
>>> maps = draw_maps(TASKS["medium"], 3, np.random.default_rng(0))
>>> maps["counts"].shape
(3, 64, 64)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

# Name in this face -> module that defines it.
_FACE = {
    "find_anomalies": "zoo.seismicity.anomalies",
    "Seismicity": "zoo.seismicity.report",
    "Catalogue": "zoo.seismicity.catalogues.catalogue",
    "read_catalogue": "zoo.seismicity.catalogues",
    "read_periods": "zoo.seismicity.manual",
    "magnitude_of_completeness": "zoo.field.magnitudes",
    "poisson_scan": "zoo.seismicity.scan",
    "TASKS": "zoo.seismicity.physics.maps",
    "draw_maps": "zoo.seismicity.physics.maps",
    "Etas": "zoo.seismicity.physics.sequences",
    "simulate": "zoo.seismicity.physics.sequences",
    "fit_etas": "zoo.seismicity.etas.fit",
}

__all__ = [*_FACE]

if TYPE_CHECKING:
    from zoo.field.magnitudes import magnitude_of_completeness  # noqa: F401
    from zoo.seismicity.anomalies import find_anomalies  # noqa: F401
    from zoo.seismicity.catalogues import read_catalogue  # noqa: F401
    from zoo.seismicity.catalogues.catalogue import Catalogue  # noqa: F401
    from zoo.seismicity.etas.fit import fit_etas  # noqa: F401
    from zoo.seismicity.manual import read_periods  # noqa: F401
    from zoo.seismicity.physics.maps import TASKS, draw_maps  # noqa: F401
    from zoo.seismicity.physics.sequences import Etas, simulate  # noqa: F401
    from zoo.seismicity.report import Seismicity  # noqa: F401
    from zoo.seismicity.scan import poisson_scan  # noqa: F401


def __getattr__(name: str):
    if name not in _FACE:
        raise AttributeError(f"module 'zoo.seismicity' has no attribute {name!r}")
    return getattr(importlib.import_module(_FACE[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_FACE])
