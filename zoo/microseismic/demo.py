"""A chapter of `zoo demo`: where a held-out synthetic event was, by its waveforms, and of what kind its source was."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from zoo.chapters import Chapter, Picture
from zoo.files import write_with
from zoo.progress import say

EVENT = 12
"""Which of the events that travel with the emulator; training has not seen them."""
_RECEIVERS = slice(1, 5)  # the paper's four above the diagonal


def chapter(folder: Path) -> Chapter:
    """Locate one event with the default emulator; infer location and moment tensor of another one.

    Args:
        folder: where traces, posteriors and figures are written.
    """
    from zoo import registry
    from zoo.figures import save_figure
    from zoo.microseismic import locate, read_traces
    from zoo.microseismic.physics.marine import SEABED_M

    observed = example_event(folder)
    model = registry.load(registry.full_name("pca_gp_emulator"))
    locating = f"zoo locate {observed} --out {folder / 'located'}"
    say("   Synthetic data: an event below the sea, four receivers on the seabed, noise")
    say(f"   {locating}")
    location = locate(read_traces(observed), model)
    location.write(folder / "located")
    figure = _map(location, model.receivers_km[_RECEIVERS], SEABED_M / 1000)
    place = save_figure(figure, folder / "location.png")
    command, report = _mechanism(folder)
    known = (
        f"depth below the seabed: {SEABED_M / 1000 - location.mean_km[2]:.3f} ± {location.sd_km[2]:.3f} km\n"
        f"true place: x {location.source_km[0]:.3f}, y {location.source_km[1]:.3f} km, "
        f"{SEABED_M / 1000 - location.source_km[2]:.3f} km below the seabed (z {location.source_km[2]:.3f})"
    )
    return Chapter(
        question="Where did an event below the sea happen, and what kind of source was it?",
        data="Synthetic data: elastic waves by finite differences through a marine earth, of events that the emulators "
        "did not learn from, with noise. The inversion does not know origin time, strength nor pulse, and takes the "
        "earth as 2 % uncertain.",
        commands=[locating, command],
        answer=f"{location.report()}\n{known}\n\n{report}",
        pictures=[
            Picture(
                place,
                "Synthetic event: from above and from two sides, the probability of its place (dark: 68 %, pale: "
                "95 %), the true place (cross), and the receivers on the seabed (triangles).",
            ),
            Picture(
                folder / "located" / "traces.png",
                "Synthetic: the traces at the four receivers, and what the posterior predicts.",
            ),
            Picture(
                folder / "mechanism" / "mechanism.png",
                "Another synthetic event, a double couple: its mechanism, the spread of it, and the truth.",
            ),
        ],
    )


def _mechanism(folder: Path) -> tuple[str, str]:
    """Infer location and moment tensor of a held-out double couple; return the command and the report."""
    from zoo import registry
    from zoo.microseismic import mechanism, read_traces

    observed = example_source(folder)
    stored = _stored(registry.find(registry.full_name("greens_emulator")))
    true = stored["moment_tensor_n_m"][_purest(stored)]
    out = folder / "mechanism"
    command = f"zoo mechanism {observed} --out {out}"
    say(f"   {command}")
    found = mechanism(read_traces(observed), "greens_emulator", true_tensor_n_m=true)
    found.write(out)
    return command, found.report()


def example_event(folder: Path) -> Path:
    """Write `traces.npz`: a held-out event at four receivers, with noise; return its path."""
    from zoo import registry

    name = registry.full_name("pca_gp_emulator")
    model, stored = registry.load(name), _stored(registry.find(name))
    return _observe(
        folder / "traces.npz", stored["traces"][EVENT, _RECEIVERS], model.receivers_km[_RECEIVERS],
        model.time_step_s, stored["noise_sd"], stored["coordinates_km"][EVENT],
    )  # fmt: skip


def example_source(folder: Path) -> Path:
    """Write `other-traces.npz`: a held-out double couple at four receivers, with noise; return its path."""
    from zoo import registry

    name = registry.full_name("greens_emulator")
    model, stored = registry.load(name), _stored(registry.find(name))
    event = _purest(stored)
    return _observe(
        folder / "other-traces.npz", stored["traces"][event], model.receivers_km,
        model.time_step_s, stored["noise_sd"][event], stored["coordinates_km"][event],
    )  # fmt: skip


def _purest(stored: Mapping[str, np.ndarray]) -> int:
    """Return which event is the purest double couple."""
    from zoo.microseismic.physics.moment_tensor import source_type

    return int(source_type(stored["moment_tensor_n_m"])[:, 2].argmax())


def _stored(checkpoint: Path) -> dict[str, np.ndarray]:
    with np.load(checkpoint / "golden.npz", allow_pickle=False) as stored:
        return {key: stored[key] for key in stored.files}


def _observe(
    path: Path, traces: np.ndarray, receivers_km: np.ndarray, time_step_s: float, noise_sd: float, source_km: np.ndarray
) -> Path:
    """Write traces (receivers, samples) with noise as `zoo locate` reads them."""
    noise = np.random.default_rng(0).normal(scale=noise_sd, size=traces.shape)
    arrays = {
        "traces": (traces + noise).astype(np.float32),
        "receivers_km": receivers_km,
        "sampling_rate_hz": 1 / time_step_s,
        "noise_sd": noise_sd,
        "source_km": source_km,
    }
    return write_with(path, lambda temporary: np.savez_compressed(temporary, **arrays))


def _map(location: Any, receivers_km: np.ndarray, seabed_km: float) -> Any:
    """Draw the posterior (samples) of a place from above and from two sides, depth below the seabed downwards."""
    from matplotlib.figure import Figure

    from zoo.figures import BLUE, ORANGE, VERMILLION, style

    def below(points: np.ndarray) -> np.ndarray:
        points = np.atleast_2d(points)[:, :3]
        return np.column_stack([points[:, :2], seabed_km - points[:, 2]])

    samples, receivers, true = (below(p) for p in (location.samples.samples, receivers_km, location.source_km))
    deepest = max(samples[:, 2].max(), true[0, 2]) + 0.15
    names = ("x, east (km)", "y, north (km)", "depth below the seabed (km)")
    with style():
        figure = Figure(figsize=(9.6, 4.4))
        panels = figure.subplots(1, 3)
        for axes, (i, j), title in zip(
            panels, ((0, 1), (0, 2), (1, 2)), ("from above", "from the south", "from the east"), strict=True
        ):
            ends = ((0.0, 1.0), (-0.05, deepest) if j == 2 else (0.0, 1.0))
            counts, x, y = np.histogram2d(samples[:, i], samples[:, j], bins=60, range=ends)
            _shade(axes, counts, x, y, BLUE)
            axes.plot(receivers[:, i], receivers[:, j], "v", color=ORANGE, ms=8, mec="k", mew=0.6, label="receiver")
            axes.plot(true[:, i], true[:, j], "+", color=VERMILLION, ms=13, mew=2, label="true place")
            axes.set(xlim=ends[0], ylim=ends[1] if j == 1 else ends[1][::-1], xlabel=names[i], ylabel=names[j])
            axes.set_title(title, loc="left")
            axes.set_aspect("equal" if j == 1 else "auto")
        panels[0].legend(loc="lower center", bbox_to_anchor=(0.5, 1.08), ncols=2)
    return figure


def _shade(axes: Any, counts: np.ndarray, x: np.ndarray, y: np.ndarray, colour: str) -> None:
    """Fill the regions that hold 95 and 68 % of the samples, from a slightly smoothed histogram."""
    from scipy.ndimage import gaussian_filter

    density = gaussian_filter(counts.T, 1.2)
    ordered = np.sort(density.ravel())[::-1]
    held = np.cumsum(ordered) / ordered.sum()
    levels = [ordered[np.searchsorted(held, share)] for share in (0.95, 0.68)]
    middle = (0.5 * (x[1:] + x[:-1]), 0.5 * (y[1:] + y[:-1]))
    axes.contourf(*middle, density, levels=[levels[0], levels[1]], colors=[colour], alpha=0.35)
    axes.contourf(*middle, density, levels=[levels[1], density.max() * 1.01], colors=[colour], alpha=0.85)
