"""Where did a microseismic event happen, and what kind of source was it?

After Spurio Mancini et al. (2021), Solid Earth 12, 1683: a network learns the traces that a source below the seabed
causes at each receiver, as a function of its location. Then thousands of locations are tried in the time of one
simulation, and the answer is a posterior distribution.

    import zoo
    from zoo import microseismic

    event = microseismic.read_traces("event.npz")
    location = microseismic.locate(event, zoo.load("cvae_emulator"))            # by its waveforms
    locations = microseismic.locate_many(events, zoo.load("cvae_emulator"))     # a catalogue of them
    location = microseismic.locate_by_arrivals(event)                           # by when its P waves arrived
    source = microseismic.mechanism(event, zoo.load("greens_emulator"))         # with its moment tensor
    print(source.report())
    source.write("event")                                                       # samples, summary, figures

The simulator behind the emulators works on any earth:

    model = microseismic.marine_model(spacing_m=(25, 25, 30))                   # or read_model("model.npz")
    receivers_km = [[0.5, 0.5, 2.43], [0.25, 0.75, 2.43]]
    traces = microseismic.simulate([[0.375, 0.3, 1.56]], model, receivers_km, pulse_sigma_s=0.03)
    times_s = microseismic.travel_times([[0.375, 0.3, 1.56]], model, receivers_km)

Coordinates are x, y, z in km, x east, y north, z up from the bottom of the earth model. `physics/` needs neither Keras
nor TensorFlow; `models/` holds what the emulators are made of; `location/` the likelihoods and posteriors.
Importing this package imports none of them; the first use of a name does.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

# Name in this face -> module that defines it.
_FACE = {
    "locate": "zoo.microseismic.location.by_waveforms",
    "locate_many": "zoo.microseismic.location.by_waveforms",
    "locate_by_arrivals": "zoo.microseismic.location.by_arrivals",
    "mechanism": "zoo.microseismic.location.with_mechanism",
    "simulate": "zoo.microseismic.physics.simulation",
    "travel_times": "zoo.microseismic.location.travel_time_fields",
    "Picks": "zoo.microseismic.location.picks",
    "read_traces": "zoo.microseismic.location.trace_files",
    "Observation": "zoo.microseismic.location.observation",
    "read_model": "zoo.microseismic.physics.elastic_model",
    "ElasticModel": "zoo.microseismic.physics.elastic_model",
    "marine_model": "zoo.microseismic.physics.marine",
}

__all__ = [*_FACE]

if TYPE_CHECKING:
    from zoo.microseismic.location.by_arrivals import locate_by_arrivals  # noqa: F401
    from zoo.microseismic.location.by_waveforms import locate, locate_many  # noqa: F401
    from zoo.microseismic.location.observation import Observation  # noqa: F401
    from zoo.microseismic.location.picks import Picks  # noqa: F401
    from zoo.microseismic.location.trace_files import read_traces  # noqa: F401
    from zoo.microseismic.location.travel_time_fields import travel_times  # noqa: F401
    from zoo.microseismic.location.with_mechanism import mechanism  # noqa: F401
    from zoo.microseismic.physics.elastic_model import ElasticModel, read_model  # noqa: F401
    from zoo.microseismic.physics.marine import marine_model  # noqa: F401
    from zoo.microseismic.physics.simulation import simulate  # noqa: F401


def __getattr__(name: str):
    if name not in _FACE:
        raise AttributeError(f"module 'zoo.microseismic' has no attribute {name!r}")
    return getattr(importlib.import_module(_FACE[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_FACE])
