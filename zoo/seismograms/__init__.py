"""What do these seismograms show? Archives, synthetic seismograms, picks and labels of continuous records, events.

    import zoo.seismograms

    stream = zoo.seismograms.read("day.mseed")                      # an obspy.Stream; also from folders and wildcards
    picks = zoo.seismograms.classify(stream, "phase_picker")        # P and S as obspy.core.event.Pick
    windows = zoo.seismograms.classify(stream, "noise_earthquake")  # labelled windows
    traces = zoo.seismograms.annotate(stream, "phase_picker")       # probabilities as an obspy.Stream
    found = zoo.seismograms.annotate_archive("sds", "phase_picker", "picked")  # years: in units, restartable
    events = zoo.seismograms.make_catalogue("sds", "stations.xml", "layers.csv")  # picked, associated, located

Most models and datasets follow Kong et al. (2021), Deep Convolutional Autoencoders as Generic Feature Extractors in
Seismological Applications; the phase picker follows PhaseNet (Zhu & Beroza 2019). Synthetic records need no data:

>>> from zoo.seismograms import SeismogramModel, simulate
>>> made = simulate(2, SeismogramModel(samples=1000, kinds=("earthquake", "noise")), seed=1)
>>> made.waveform.shape
(2, 1000, 3)
>>> made.columns["trace_category"].tolist()
['earthquake', 'noise']

Importing `zoo.seismograms` imports neither TensorFlow, Keras nor Numba; the first name that needs them does.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

# Name in this face -> module that defines it.
_FACE = {
    "read": "zoo.seismograms.picking.files",
    "annotate": "zoo.seismograms.picking.annotate",
    "classify": "zoo.seismograms.picking.annotate",
    "annotate_files": "zoo.seismograms.picking.annotate",
    "annotate_archive": "zoo.seismograms.picking.running",
    "annotate_live": "zoo.seismograms.picking.live",
    "make_catalogue": "zoo.seismograms.association.catalogue",
    "simulate": "zoo.seismograms.physics.seismograms",
    "SeismogramModel": "zoo.seismograms.physics.model",
    "resample": "zoo.seismograms.signals",
    "export": "zoo.seismograms.archives.export",
    "show": "zoo.seismograms.archives.show",
}

__all__ = [*_FACE]

if TYPE_CHECKING:
    from zoo.seismograms.archives.export import export  # noqa: F401
    from zoo.seismograms.archives.show import show  # noqa: F401
    from zoo.seismograms.association.catalogue import make_catalogue  # noqa: F401
    from zoo.seismograms.physics.model import SeismogramModel  # noqa: F401
    from zoo.seismograms.physics.seismograms import simulate  # noqa: F401
    from zoo.seismograms.picking.annotate import annotate, annotate_files, classify  # noqa: F401
    from zoo.seismograms.picking.files import read  # noqa: F401
    from zoo.seismograms.picking.live import annotate_live  # noqa: F401
    from zoo.seismograms.picking.running import annotate_archive  # noqa: F401
    from zoo.seismograms.signals import resample  # noqa: F401


def __getattr__(name: str):
    if name not in _FACE:
        raise AttributeError(f"module 'zoo.seismograms' has no attribute {name!r}")
    return getattr(importlib.import_module(_FACE[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_FACE])
