"""Traces of given sources at given receivers: coordinates in km go in, pressure or velocity comes out.

A thin layer over `zoo.microseismic.physics.elastic`, which knows nodes and time steps: it finds the nodes, chooses a
stable time step, and makes use of reciprocity where there are fewer receivers than sources.
"""

from __future__ import annotations

import math

import numpy as np

from zoo.errors import ZooError
from zoo.microseismic.physics.coordinates import SAME_POINT_KM, checked
from zoo.microseismic.physics.elastic import greens_functions, largest_time_step_s, receiver_gathers, shot_gather
from zoo.microseismic.physics.elastic_model import ElasticModel

# Shortest time steps that accuracy needs, in each sigma of the pulse: 0.8 ms for 14 ms, as in Spurio Mancini et al.
# (2021). The stability limit of a coarse grid alone would allow an error in time that is larger than that in space.
_STEPS_PER_SIGMA = 17.5


def simulate(
    coordinates_km: np.ndarray,
    model: ElasticModel,
    receivers_km: np.ndarray,
    moment_tensors_n_m: np.ndarray | None = None,
    duration_s: float = 2.0,
    sampling_rate_hz: float = 250.0,
    pulse_sigma_s: float = 0.014,
    components: str = "P",
    free_surface: bool = False,
) -> np.ndarray:
    """Simulate what hydrophones or geophones record of small sources, by elastic finite differences.

    It costs one simulation for each receiver and component, or for each source if there are fewer of those: some
    minutes each for the marine earth at its full resolution, seconds on a grid that is twice as coarse.

    Args:
        coordinates_km: (n, 3) x, y, z of the sources, km, z up from the bottom of the model; of explosions also
            between the nodes of its grid.
        model: the earth, e.g. `zoo.microseismic.marine_model()`.
        receivers_km: (receivers, 3) x, y, z, km; on nodes of the grid or between them.
        moment_tensors_n_m: (n, 6) xx, yy, zz, xy, xz, yz of each source (x east, y north, z up), N m; the sources are
            in rock. None: explosions that inject 1 m^3.
        duration_s: time of the last sample after the origin, s.
        sampling_rate_hz: of the traces.
        pulse_sigma_s: of the source's pulse, `zoo.microseismic.physics.elastic.gaussian_derivative`, s.

        components: what receivers record: "P", pressure; or letters of "ZNE", velocity up, to the north (y) and to the
            east (x).
        free_surface: whether the top of the model is one; otherwise it absorbs.

    Returns:
        (n, channels, samples) float32 from the origin time on, Pa or m/s; for explosions that is per m^3. The
        components of a receiver follow each other.

    Raises:
        ZooError: a source or a receiver is outside the model, the grid is too coarse for the pulse, there is too little
            memory, or a moment tensor is not in rock or between nodes.

    Example, a double couple that no sensor is directly above:

        from zoo.microseismic.physics.moment_tensor import double_couple

        model = marine_model(spacing_m=(25, 25, 30))
        tensor = 1e12 * double_couple(strike_deg=30, dip_deg=60, rake_deg=40)
        traces = simulate([[0.375, 0.3, 1.56]], model, [[0.5, 0.5, 2.43]], [tensor], pulse_sigma_s=0.03)
    """
    if not (math.isfinite(sampling_rate_hz) and sampling_rate_hz > 0):
        raise ZooError(f"sampling_rate_hz is {sampling_rate_hz}; expected a positive number, e.g. 250.")
    sources = grid_points(coordinates_km, model, "source")
    receivers = grid_points(receivers_km, model, "receiver")
    interval_s = 1.0 / sampling_rate_hz
    longest_s = min(largest_time_step_s(model), pulse_sigma_s / _STEPS_PER_SIGMA)
    every = math.ceil(interval_s / longest_s * (1 - 1e-9))  # a ratio of 5 up to rounding is 5, not 6
    options = {
        "duration_s": duration_s,
        "time_step_s": interval_s / every,
        "output_every": every,
        "sigma_s": pulse_sigma_s,
        "free_surface": free_surface,
    }
    if len(components) != 1:
        each = [
            simulate(
                coordinates_km, model, receivers_km, moment_tensors_n_m, duration_s, sampling_rate_hz, pulse_sigma_s,
                component, free_surface,
            )
            for component in components
        ]  # fmt: skip
        return np.stack(each, axis=2).reshape(len(sources), -1, each[0].shape[-1])
    options["component"] = components
    if moment_tensors_n_m is None:
        if len(sources) < len(receivers):
            return np.stack([shot_gather(model, source, receivers, **options) for source in sources])
        return np.stack([receiver_gathers(model, receiver, sources, **options) for receiver in receivers], axis=1)
    tensors = np.asarray(moment_tensors_n_m, np.float64)
    if tensors.shape != (len(sources), 6):
        raise ZooError(f"The moment tensors have shape {tensors.shape}; expected (n, 6) for {len(sources)} sources.")
    if len(sources) < len(receivers):
        return np.stack(
            [
                shot_gather(model, source, receivers, moment_tensor_n_m=tensor, **options)
                for source, tensor in zip(sources, tensors, strict=True)
            ]
        )
    traces = [
        np.einsum("nc,nct->nt", tensors, greens_functions(model, receiver, sources, **options))
        for receiver in receivers
    ]
    return np.stack(traces, axis=1).astype(np.float32)


def grid_points(coordinates_km: np.ndarray, model: ElasticModel, what: str) -> np.ndarray:
    """Return coordinates (n, 3) in units of the grid's spacing: whole numbers are nodes.

    A point within 1.5 m of a node is the node: coordinates in files are often rounded to a metre.

    Args:
        coordinates_km: (n, 3) x, y, z, km.
        model: the earth.
        what: "source" or "receiver".

    Raises:
        ZooError: they are not finite numbers of that shape, or one lies outside the model.
    """
    coordinates_km = checked(coordinates_km, model.extent_km, what)
    spacing_km = np.array(model.spacing_m) / 1000.0
    points = np.clip(coordinates_km / spacing_km, 0, np.array(model.shape) - 1)
    nodes = np.rint(points)
    near = np.linalg.norm((nodes - points) * spacing_km, axis=1, keepdims=True) <= SAME_POINT_KM
    return np.where(near, nodes, points)
