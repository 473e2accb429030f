"""Table 2 of Spurio Mancini et al. (2021): the same events located by waveforms and by arrival times.

The paper locates one event, which its emulator was trained on. Here there are twenty that no training has seen; the row
of each method says how often the truth is covered and how wide the posterior is, and the figures show the event nearest
to the paper's. Waveforms and picks come from the same noisy traces at the same four receivers.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from zoo import checkpoint, registry
from zoo.microseismic.location.by_arrivals import locate_by_arrivals
from zoo.microseismic.location.by_waveforms import locate
from zoo.microseismic.location.observation import Observation
from zoo.microseismic.location.posterior import Posterior
from zoo.microseismic.location.world import World
from zoo.microseismic.reproduce import PAPER, held_out
from zoo.progress import track
from zoo.training.experiment import Workshop

D18 = "d18_emulator"
PAPER_SD_KM = {
    "best": (0.0025, 0.0026, 0.0012),  # there, NN direct
    "d18": (0.33, 0.23, 0.46),
    "edt": (0.022, 0.022, 0.015),
}
"""Half the 68 % intervals of table 2."""
PAPER_EVENT_KM = (0.375, 0.300, 1.570)
USED = slice(1, 5)  # the paper's four receivers above the diagonal: all but the central one
# An event is covered if the truth lies within so many sd.
_COVERED_SD = 3.0


@dataclasses.dataclass(frozen=True)
class Method:
    """One way to locate: what to call it, its row of the paper, and the function."""

    label: str
    paper: str
    locate: Callable[[Observation], Posterior]


def table_2(workshop: Workshop) -> list[dict[str, Any]]:
    """Locate held-out events of the marine earth by every method; `--set events=5 d18_events=1 pick_sd_s=0.01`."""
    from zoo.microseismic.figures.emulators import draw_posteriors

    own = workshop.own
    sample = held_out(f"{D18}.marine")
    count = min(own["events"], len(sample["traces"]))
    nearest = np.linalg.norm(sample["coordinates_km"] - PAPER_EVENT_KM, axis=1).argsort()[:count]
    found = {}
    for method in methods(own["pick_sd_s"]):
        events = nearest[: own["d18_events"]] if method.paper == "d18" else nearest
        found[method] = [
            _timed(method, _observation(sample, int(event))) for event in track(events, f"Events by {method.label}")
        ]
    first = {method.label: results[0][0] for method, results in found.items()}
    labels = list(first)
    truth = sample["coordinates_km"][nearest[0]]
    for number, pair in ((10, labels[:2]), (11, [labels[0], *labels[2:]])):
        draw_posteriors(
            {label: first[label].samples.samples[:, :3] for label in pair},
            truth,
            workshop.folder / f"microseismic-table-2-figure-{number}.png",
        )
    return [_row(method, results) for method, results in found.items()]


def best_emulator() -> str:
    """Return the recipe whose marine checkpoint has the highest R2D on test events, by the cards."""

    def r2d(name: str) -> float:
        return checkpoint.read_card(registry.find(f"{name}.marine"))["scores"]["test"]["metrics"]["r2d"]

    return max(PAPER, key=r2d)


def methods(pick_sd_s: float) -> list[Method]:
    by_waveforms = [
        Method(
            PAPER[name].method, kind, partial(locate, model=registry.load(f"{name}.marine"), world=World.as_simulated())
        )
        for name, kind in ((best_emulator(), "best"), (D18, "d18"))
    ]
    by_times = [
        Method(label, kind, partial(locate_by_arrivals, likelihood=kind, pick_sd_s=pick_sd_s))
        for kind, label in (("edt", "EDT"), ("gaussian", "Gaussian arrival times"))
    ]
    return by_waveforms + by_times


def _observation(sample: dict[str, np.ndarray], event: int) -> Observation:
    model = registry.load(f"{D18}.marine")
    traces, noise_sd = sample["traces"][event, USED], float(sample["noise_sd"])
    noise = np.random.default_rng(event).normal(scale=noise_sd, size=traces.shape)
    return Observation(
        traces=traces + noise,
        sampling_rate_hz=1.0 / model.time_step_s,
        receivers_km=model.receivers_km[USED],
        noise_sd=noise_sd,
        source_km=sample["coordinates_km"][event],
        unit=model.unit,
    )


def _timed(method: Method, observation: Observation) -> tuple[Posterior, float]:
    start = time.process_time()
    return method.locate(observation), time.process_time() - start


def _row(method: Method, results: list[tuple[Posterior, float]]) -> dict[str, Any]:
    posteriors = [posterior for posterior, _ in results]
    half_widths = np.array([0.5 * np.ptp(p.interval_68_km, axis=1) for p in posteriors])
    pulls = np.array([(p.source_km - p.mean_km) / p.sd_km for p in posteriors])
    example = posteriors[0]
    row: dict[str, Any] = {"method": method.label}
    for axis, name in enumerate("xyz"):
        row[f"{name}_km"] = f"{example.mean_km[axis]:.4f} ± {half_widths[0, axis]:.4f}"
        row[f"{name}_true_km"] = round(float(example.source_km[axis]), 4)
        row[f"{name}_half_width_median_km"] = round(float(np.median(half_widths[:, axis])), 5)
        row[f"{name}_half_width_paper_km"] = PAPER_SD_KM.get(method.paper, (None,) * 3)[axis]
    inside = np.array(
        [np.all((p.interval_95_km[:, 0] <= p.source_km) & (p.source_km <= p.interval_95_km[:, 1])) for p in posteriors]
    )
    row["events"] = len(results)
    row["covered_3_sd"] = int((np.abs(pulls) < _COVERED_SD).all(axis=1).sum())
    row["covered_95_percent_intervals"] = int(inside.sum())
    row["rms_offset_sd"] = round(float(np.sqrt((pulls**2).mean())), 2)
    row["converged"] = sum(p.converged for p in posteriors)
    row["cpu_s"] = round(float(np.median([cpu_s for _, cpu_s in results])), 1)
    return row
