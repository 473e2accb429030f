"""A chapter of `zoo demo`: a simulated catalogue with a swarm, a burst and a mainshock, and which of them are found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo.chapters import Chapter, Picture
from zoo.files import write_with
from zoo.progress import say

DAYS = 240.0
PLANTED = {"swarm": (80.0, 84.0), "burst": (150.0, 151.0), "mainshock": (200.3, 204.3)}
"""What is planted -> its start and end in days."""
PLACES_PX = {"swarm": (16.3, 46.5), "burst": (48.0, 48.0), "mainshock": (40.0, 14.0)}
"""What is planted -> x and y of its middle in pixels; the swarm migrates 10 pixels."""
_BEGIN = np.datetime64("2021-01-01", "ms")
_PIXEL_KM = 1.0
_CENTRE_DEG = 10.0, 45.0  # longitude, latitude


def simulated(seed: int = 0) -> dict[str, np.ndarray]:
    """Return a catalogue of 240 days: an uneven background of 15 events a day, and what `PLANTED` names.

    Args:
        seed: seed of the random numbers.

    Returns:
        `time` (datetime64[ms]), `longitude_deg`, `latitude_deg`, `magnitude`, each (events,).
    """
    from zoo.seismicity.catalogues.projection import Projection
    from zoo.seismicity.physics.maps import MAP_PIXELS, rate_fields
    from zoo.seismicity.physics.sequences import Etas, aftershocks, burst, inside, join, simulate, swarm

    rng = np.random.default_rng(seed)
    rate = 15 * rate_fields(1, (6.0, 12.0), (1.0, 1.0), rng)[0]
    starts = {name: period[0] for name, period in PLANTED.items()}
    main = burst(1, starts["mainshock"], 0.0, 40.0, 14.0, 0.1, 3, rng) | {"magnitude": np.array([4.8])}
    extra = (
        swarm(60, starts["swarm"], 4.0, 12.0, 44.0, 10.0, 60.0, 0.5, 1, rng),
        burst(30, starts["burst"], 1.0, 48.0, 48.0, 0.8, 2, rng),
        join(main, aftershocks(main, DAYS, rng, Etas(smallest_magnitude=1.0))),
    )
    events = inside(simulate(rate, DAYS, rng, extra=extra))
    x_km, y_km = (_PIXEL_KM * (events[key] - MAP_PIXELS / 2) for key in ("x_px", "y_px"))
    longitude, latitude = Projection(*_CENTRE_DEG).inverse(x_km, y_km)
    time = _BEGIN + np.round(86_400_000 * events["time_days"]).astype("timedelta64[ms]")
    return {"time": time, "longitude_deg": longitude, "latitude_deg": latitude, "magnitude": events["magnitude"]}


def example(folder: Path) -> tuple[Path, Path, dict[str, list[np.datetime64]]]:
    """Write the simulated catalogue and the planted periods as CSV; return both, and the periods.

    Args:
        folder: where to.
    """
    events = simulated()
    rows = zip(*events.values(), strict=True)
    catalogue = write_with(
        folder / "catalogue.csv",
        lambda path: path.write_text(
            "time,longitude,latitude,mag\n" + "".join(f"{t},{x:.4f},{y:.4f},{m:.1f}\n" for t, x, y, m in rows)
        ),
    )
    days = {name: [_BEGIN + np.timedelta64(round(1440 * d), "m") for d in period] for name, period in PLANTED.items()}
    planted = write_with(
        folder / "planted.csv",
        lambda path: path.write_text(
            "what,start,end\n" + "".join(f"{what},{start},{end}\n" for what, (start, end) in days.items())
        ),
    )
    return catalogue, planted, days


def chapter(folder: Path, model: Any = None) -> Chapter:
    """Find the anomalous periods of the simulated catalogue, and say which of the planted ones are among them.

    Args:
        folder: where catalogue, tables and figures are written.
        model: a network in place of the shipped one.
    """
    from zoo import registry
    from zoo.figures import save_figure
    from zoo.seismicity import find_anomalies, read_catalogue, read_periods

    name = registry.full_name("seismicity_resnet18.etas")
    catalogue, planted, days = example(folder)
    # Four false alarms a year, the default, would be two or three in these eight months.
    settings = "--window 3 --completeness none --false-alarms 0.5"
    command = f"zoo seismicity {catalogue} {settings} --manual {planted} --out {folder / 'found'}"
    say(f"   Synthetic data: {DAYS:.0f} days of a region with a swarm, a burst and a mainshock with its aftershocks")
    say(f"   {command}")
    found = find_anomalies(
        read_catalogue(catalogue), model or name, window_days=3.0, completeness="none", false_alarms_per_year=0.5
    )
    found.manual = read_periods(planted)
    found.write(folder / "found", movie=False)
    said = [found.report()]
    for what, (start, end) in days.items():
        own = [s for s in found.sequences if s.start <= end and s.end >= start]
        best = max(own, key=lambda s: s.events, default=None)
        verdict = f"found in subregion {best.subregion}, {best.events} events" if best else "not found"
        said.append(f"{what} of {str(start)[:10]}: {verdict}")
    met = [any(s.start <= end and s.end >= start for start, end in days.values()) for s in found.sequences]
    said.append(f"sequences at other times, where nothing was planted: {len(met) - sum(met)} of {len(met)}")
    picture = save_figure(_with_truth(found, days), folder / "found-and-planted.png")
    return Chapter(
        question="When and where was seismicity anomalous?",
        data=f"Synthetic data: {DAYS:.0f} days of background and aftershocks by an ETAS model, 15 background events a "
        "day, with a swarm, a burst and a mainshock planted in them.",
        commands=[command],
        answer="\n".join(said),
        pictures=[
            Picture(
                picture,
                "Synthetic catalogue: events and the subregions that were found (outlines); over time the events, the "
                "score above its threshold, and the sequences found. What was planted is in black: a ring where, a "
                "grey band when. An outline without a ring, or a bar without a band, is a false one.",
            )
        ],
    )


def _with_truth(found: Any, days: Mapping[str, Sequence[np.datetime64]]) -> Any:
    """Draw what was found, with rings and bands where and when something was planted."""
    from matplotlib.dates import date2num

    from zoo.figures import BLACK, GREY
    from zoo.seismicity.catalogues.projection import Projection
    from zoo.seismicity.figures.pages import overview_figure
    from zoo.seismicity.physics.maps import MAP_PIXELS

    figure = overview_figure(found)
    region, times = figure.axes[0], figure.axes[-3:]
    for what, (x_px, y_px) in PLACES_PX.items():
        x_km, y_km = (_PIXEL_KM * (np.array([px]) - MAP_PIXELS / 2) for px in (x_px, y_px))
        (east,), (north,) = found.catalogue.projection.forward(*Projection(*_CENTRE_DEG).inverse(x_km, y_km))
        region.plot(east, north, "o", ms=26, mfc="none", mec=BLACK, mew=1.2, zorder=5)
        region.annotate(what, (east, north), (0, -22), textcoords="offset points", ha="center", fontsize=9, zorder=6)
    for axes in times:
        for start, end in days.values():
            axes.axvspan(date2num(start), date2num(end), color=GREY, alpha=0.35, lw=0, zorder=0)
    return figure
