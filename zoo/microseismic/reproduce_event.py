"""The paper's own event (Spurio Mancini et al. 2021, figures 1, 7, 9, 10 and 11), simulated in our marine earth.

Their earth and their traces are not published, so the event at their place is simulated once, in ours, with the noise
that is theirs relative to the amplitude, at the four receivers that our emulators know above the diagonal.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from zoo import registry
from zoo.errors import ZooError
from zoo.files import write_with
from zoo.foreign import read_npz
from zoo.microseismic.location.observation import Observation
from zoo.microseismic.location.world import World
from zoo.microseismic.physics.marine import marine_model
from zoo.microseismic.physics.simulation import simulate
from zoo.microseismic.reproduce import held_out
from zoo.microseismic.reproduce_location import D18, PAPER_EVENT_KM, PAPER_SD_KM, USED, Method, methods
from zoo.progress import say
from zoo.training.experiment import Workshop

_COARSE_M = (25.0, 25.0, 30.0)


def paper_event(workshop: Workshop) -> list[dict[str, Any]]:
    """Locate the event by every method, and draw it: preprocessing, earth, traces, posteriors.

    A quick run takes the held-out event nearest to it instead, which travels with the emulators.
    """
    from zoo.microseismic.figures.earth import draw_elastic_model
    from zoo.microseismic.figures.emulators import draw_posteriors
    from zoo.microseismic.figures.event import draw_event, draw_preprocessing

    folder = workshop.folder
    sample = held_out(f"{D18}.marine")
    model = registry.load(f"{D18}.marine")
    if workshop.quick:
        number = int(np.linalg.norm(sample["coordinates_km"] - PAPER_EVENT_KM, axis=1).argmin())
        place, traces = sample["coordinates_km"][number], sample["traces"][number]
    else:
        place, traces = np.array(PAPER_EVENT_KM), _simulated(workshop, model)
    noise_sd = float(sample["noise_sd"])
    noisy = traces + np.random.default_rng(0).normal(scale=noise_sd, size=traces.shape)
    draw_preprocessing(sample["traces"][:2, 0], model.time_step_s, folder / "microseismic-event-figure-1.png")
    earth = marine_model(spacing_m=_COARSE_M) if workshop.quick else marine_model()
    draw_elastic_model(earth, folder / "microseismic-event-figure-7.png", model.receivers_km, place[np.newaxis])
    draw_event(noisy, model.time_step_s, model.receivers_km, place, folder / "microseismic-event-figure-9.png")

    observation = Observation(
        noisy[USED], 1.0 / model.time_step_s, model.receivers_km[USED], noise_sd, source_km=place, unit=model.unit
    )
    rows, samples = [], {}
    as_simulated = methods(workshop.own["pick_sd_s"])
    for method in (*as_simulated, _world_not_known(as_simulated[0])):
        if method.paper == "d18" and workshop.quick:
            continue
        say(f"By {method.label}")
        start = time.process_time()
        found = method.locate(observation)
        samples[method.label] = found.samples.samples[:, :3]
        half_km = 0.5 * np.ptp(found.interval_68_km, axis=1)
        row: dict[str, Any] = {"method": method.label}
        for axis, name in enumerate("xyz"):
            row[f"{name}_km"] = f"{found.mean_km[axis]:.4f} ± {half_km[axis]:.4f}"
            row[f"{name}_true_km"] = round(float(place[axis]), 4)
            row[f"{name}_half_width_paper_km"] = PAPER_SD_KM.get(method.paper, (None,) * 3)[axis]
        row["largest_offset_sd"] = round(float(np.abs((found.mean_km - place) / found.sd_km).max()), 2)
        row["warnings"] = len(found.warnings)
        row["cpu_s"] = round(time.process_time() - start, 1)
        rows.append(row)
    best, *others = samples
    # Figure 10: the other emulator (and what the answer is worth where the earth is not known); figure 11: arrivals.
    for figure, shown in ((10, [best, *(set(others) - set(others[-3:-1]))]), (11, [best, *others[-3:-1]])):
        chosen = {label: samples[label] for label in samples if label in shown}
        draw_posteriors(chosen, place, folder / f"microseismic-event-figure-{figure}.png")
    return rows


def _world_not_known(method: Method) -> Method:
    """Return the method with the defaults of `zoo locate`: earth, clocks, gains, strength and pulse not known."""
    return Method(f"{method.label}, world not known", "", lambda seen: method.locate(seen, world=World()))


def _simulated(workshop: Workshop, model: Any) -> np.ndarray:
    """Return the traces (receivers, time) of the paper's event in the marine earth, simulated once."""
    path = workshop.folder / "microseismic-event.npz"
    if path.is_file():
        kept = read_npz(path, "Delete it: the event is simulated again.")["traces"]
        if kept.shape != (len(model.receivers_km), model.samples):
            raise ZooError(f"{path} holds traces of shape {kept.shape}: it is of another run. Delete it.")
        return kept
    traces = simulate(np.array([PAPER_EVENT_KM]), marine_model(), model.receivers_km)[0]
    kept = {"traces": traces, "coordinates_km": np.array(PAPER_EVENT_KM), "receivers_km": model.receivers_km}
    write_with(path, lambda temporary: np.savez(temporary, **kept))
    return traces
