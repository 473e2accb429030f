"""The whole run, from a catalogue to its anomalous periods and their places.

    found = find_anomalies(read_catalogue("catalogue.csv"))
    print(found.report())
    found.write("anomalies")

The catalogue is cut at its completeness (`zoo.seismicity.region`), an ETAS model is fitted to it
(`zoo.seismicity.etas`), and its events are looked at in windows that slide over time (`zoo.seismicity.windows`): does a
circle hold more than background and aftershocks explain (`zoo.seismicity.etas.scan`)? A network says the same of the
windows that come near, and plainer scores stand beside (`zoo.seismicity.scores`). Windows above the region's own
threshold, set on simulated ordinary years, merge into intervals (`zoo.seismicity.intervals`). In them, pixels with
significantly more events than expected, connected in space and time, are sequences; where sequences ever were are
subregions (`zoo.seismicity.places`).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from zoo.errors import UsageError, ZooError
from zoo.progress import bar
from zoo.seismicity.catalogues import Catalogue, read_catalogue
from zoo.seismicity.etas.maps import PER_DAY
from zoo.seismicity.expectation import Expectation, events_of, fit_catalogue
from zoo.seismicity.grid import PixelGrid
from zoo.seismicity.intervals import Tile, intervals_of, on_map, sequences_of, with_a_place
from zoo.seismicity.places import subregions_of
from zoo.seismicity.region import complete, inside, region_km
from zoo.seismicity.report import METHODS, Seismicity, in_words
from zoo.seismicity.scores import NetworkScore, extrapolated, score_tiles, simulated_years
from zoo.seismicity.threshold import YEAR_DAYS
from zoo.seismicity.windows import TRAINED_EVENTS, TYPICAL_EVENTS, TileMaps, Windows, typical_window_days

__all__ = ["Seismicity", "find_anomalies"]

_FEWEST_EVENTS = 20
"""A region or a map with fewer events shows no ordinary times to set a threshold by."""
_MOST_MAPS = 500
"""More maps are refused: they would take hours and are more likely an oversight."""


def find_anomalies(
    catalogue: Catalogue | str | os.PathLike,
    model: Any = "seismicity_resnet18.etas",
    *,
    method: str | None = None,
    region: Sequence[float] | None = None,
    pixel_km: float | None = None,
    window_days: float | None = None,
    stride_days: float | None = None,
    completeness: float | str | None = None,
    false_alarms_per_year: float = 4.0,
    seed: int = 0,
) -> Seismicity:
    """Find the anomalous periods of a catalogue and their places.

    Args:
        catalogue: a `Catalogue`, or a file that `zoo.seismicity.read_catalogue` reads.
        model: a network that answers seismicity.anomaly, or the name or folder of its checkpoint. The tag etas sees the
            intensity of the ETAS model at the events, others of two channels the expected counts. None: no network.
        method: the score whose alarms count: "etas", the scan against the fitted ETAS model; "network", its log-odds;
            "both", their sum; or "scan", "count", "pixel". Default: both with a network of the tag etas, if windows
            hold as many events as it was trained on; else etas.
        region: west, east, south, north in degrees (km for metric coordinates); default: all but the outlying 1 % of
            the events, padded.
        pixel_km: side of a pixel; default: 64 pixels span the region. A region of more pixels is tiled.
        window_days: length of a window; default: one day where that typically holds 2 to 400 events, otherwise the
            nearest length that does.
        stride_days: from the start of one window to that of the next; default: half a window.
        completeness: smallest magnitude that counts, "none" for every event; default: the most frequent one.
        false_alarms_per_year: alarms a year that ordinary years of the region, simulated with their aftershocks, may
            give at the threshold, shared among its maps.
        seed: seed of the simulation's random numbers.

    Returns:
        Windows with their scores, intervals, sequences and subregions; it has `report`, `table` and `write`.

    Raises:
        ZooError: if the region has too few events, the catalogue is shorter than one window, `read_catalogue` refuses
            the file, or the model answers something else.
        UsageError: if a setting is out of its range.

    It finds 40 events in a day and a place, on a background of four a day:

    >>> from zoo.seismicity import simulate
    >>> from zoo.seismicity.catalogues import from_columns
    >>> from zoo.seismicity.physics.sequences import burst
    >>> rng = np.random.default_rng(0)
    >>> planted = burst(40, start_days=300, duration_days=1, x_px=20, y_px=30, sd_px=1, source=1, rng=rng)
    >>> events = simulate(np.full((64, 64), 0.001), days=360, rng=rng, extra=(planted,))
    >>> time = np.datetime64("2020-01-01") + np.round(24 * events["time_days"]).astype("timedelta64[h]")
    >>> catalogue = from_columns({"time": time, "x_km": events["x_px"], "y_km": events["y_px"]})
    >>> found = find_anomalies(catalogue, None)
    >>> first = min(found.sequences, key=lambda sequence: sequence.rank)
    >>> str(first.start)[:10], bool(abs(first.events - 40) < 5), first.expected < 20
    ('2020-10-27', True, True)
    """
    _check_settings(pixel_km, window_days, stride_days, false_alarms_per_year)
    network = None if model is None else NetworkScore(model, seed)
    _check_method(method, network)
    catalogue = catalogue if isinstance(catalogue, Catalogue) else read_catalogue(catalogue)
    grid = PixelGrid.covering(catalogue.x_km, catalogue.y_km, region_km(catalogue, region), pixel_km)
    catalogue, completeness = complete(inside(catalogue, grid, region), completeness)
    row, column = grid.pixels(catalogue.x_km, catalogue.y_km)
    held, notes = _events_by_map(catalogue, grid, row, column, completeness)
    if window_days is None:
        window_days = typical_window_days(catalogue.time, len(held))
        if window_days != 1.0:
            notes.append(
                f"windows of {in_words(window_days)} instead of a day, so that one holds {TYPICAL_EVENTS[0]} to "
                f"{TYPICAL_EVENTS[1]} events (--window DAYS chooses another)"
            )
    windows = Windows.over(catalogue.time, window_days, stride_days or window_days / 2)
    fit = fit_catalogue(catalogue, grid, windows, completeness)
    notes += [*fit.notes, *(c.in_words(str(windows.begin + _days(c.day))[:10]) for c in fit.changes)]
    if network and network.at_events:
        held_each = fit.background_per_day * windows.window_days / len(held)
        if not PER_DAY[0] <= held_each <= PER_DAY[1]:
            notes.append(
                f"a window of a map has {held_each:.2g} background events on average, the network saw "
                f"{PER_DAY[0]:g} to {PER_DAY[1]:g}: " + ("do not trust it" if method else "the scan decides without it")
            )
            network = network if method else None
    method = method or ("both" if network and network.at_events else "etas")
    expectation = Expectation(fit, events_of(catalogue, grid, windows.begin), windows)
    time_ms = (catalogue.time - windows.begin) / np.timedelta64(1, "ms")
    each = false_alarms_per_year / len(held)
    years = simulated_years(windows.stride_days, each, windows.count)
    shown = [
        (r, c, TileMaps(time_ms[own], row[own] - r, column[own] - c, windows, expectation.on(r, c)))
        for (r, c), own in held.items()
    ]
    title = f"Scoring {windows.count} windows of {len(held)} map{'s' * (len(held) > 1)}"
    with bar(title, len(held) * (windows.count + years * YEAR_DAYS / windows.stride_days)) as advance:
        scored = score_tiles(expectation, shown, network, each, years, seed, advance)
    if extrapolated(ordinary := scored[0].ordinary["etas"], windows, each):
        days = float(f"{ordinary.size * windows.stride_days:.2g}")
        notes.append(
            f"ordinary times were simulated for {in_words(days)}, too short to count "
            f"{false_alarms_per_year:g} alarms a year: the thresholds are extrapolated from the highest scores there"
        )
    tiles = [
        Tile(r, c, maps, one.values, one.thresholds, one.ordinary, one.excess, method)
        for (r, c, maps), one in zip(shown, scored, strict=True)
    ]
    if network and not network.at_events:
        notes += _on_events(tiles)
    intervals = intervals_of(windows, tiles)
    expectation.keep({number for interval in intervals for number in range(interval.first, interval.last + 1)})
    sequences = sequences_of(catalogue, grid, windows, tiles, intervals, expectation)
    alarms = len(intervals)
    intervals, sequences = with_a_place(intervals, sequences)
    if len(intervals) < alarms:
        notes.append(f"{alarms - len(intervals)} of {alarms} alarms have no significant place and are left out")
    subregions = subregions_of(sequences, (grid.rows, grid.columns), row, column)
    names = {number: subregion.name for subregion in subregions for number in subregion.sequences}
    sequences = [replace(sequence, subregion=names.get(sequence.number, "")) for sequence in sequences]
    return Seismicity(
        catalogue=replace(catalogue, notes=(*catalogue.notes, *notes)),
        grid=grid,
        windows=windows,
        fit=fit,
        tiles=tiles,
        intervals=intervals,
        sequences=sequences,
        subregions=subregions,
        method=method,
        network=network.name if network else "",
        completeness=completeness,
        false_alarms_per_year=false_alarms_per_year,
    )


def _check_method(method: str | None, network: NetworkScore | None) -> None:
    """Refuse a method that there is not, or not with this network."""
    if method is None:
        return
    if method not in METHODS or (method in ("network", "both") and network is None):
        asked = "network and both take a model"
        raise UsageError(f"The method is one of {', '.join(METHODS)} ({asked}); received {method!r}.")
    if method == "both" and not network.at_events:
        raise UsageError(f"{network.name} does not see what the scan sees; method both takes seismicity_resnet18.etas.")


def _days(days: float) -> np.timedelta64:
    return np.timedelta64(round(86_400_000 * days), "ms")


def _check_settings(
    pixel_km: float | None, window_days: float | None, stride_days: float | None, false_alarms: float
) -> None:
    for name, value in (("pixel", pixel_km), ("window", window_days), ("stride", stride_days)):
        if value is not None and not (np.isfinite(value) and value > 0):
            raise UsageError(f"The {name} must be above 0; received {value:g}.")
    if not 0 < false_alarms < 1000:
        raise UsageError(f"False alarms a year must be above 0; received {false_alarms:g}.")


def _events_by_map(
    catalogue: Catalogue, grid: PixelGrid, row: np.ndarray, column: np.ndarray, completeness: float
) -> tuple[dict[tuple[int, int], np.ndarray], list[str]]:
    """Return first row and column of each map with enough events -> the indices of its events; and notes.

    Args:
        catalogue: the events that count.
        grid: pixels of the region.
        row, column: pixel of every event.
        completeness: smallest magnitude, NaN where every event counts.
    """
    complete_from = f" from magnitude {completeness:g} on" if np.isfinite(completeness) else ""
    if len(catalogue) < _FEWEST_EVENTS:
        raise ZooError(
            f"{catalogue.name}: {len(catalogue)} events{complete_from} in this region; expected at least "
            f"{_FEWEST_EVENTS}. Choose another region, --completeness none, or give a longer catalogue."
        )
    corners = grid.tiles()
    if len(corners) > _MOST_MAPS:
        raise UsageError(
            f"{len(corners)} maps of 64 x 64 pixels of {grid.pixel_km:g} km cover the region; expected at most "
            f"{_MOST_MAPS}. Choose larger pixels or a smaller region."
        )
    held = {corner: np.flatnonzero(on_map(*corner, row, column)) for corner in corners}
    held = {corner: own for corner, own in held.items() if len(own) >= _FEWEST_EVENTS}
    if not held:
        raise ZooError(
            f"No map of 64 x 64 pixels of {grid.pixel_km:g} km holds {_FEWEST_EVENTS} events{complete_from}. Choose "
            "larger pixels (--pixel-km), another region or --completeness none."
        )
    quiet = len(corners) - len(held)
    if not quiet:
        return held, []
    return held, [f"{quiet} of {len(corners)} maps hold fewer than {_FEWEST_EVENTS} events and were passed over"]


def _on_events(tiles: list[Tile]) -> list[str]:
    """Return notes on windows with more or fewer events than the network was trained on."""
    notes = []
    events = np.concatenate([tile.maps.events for tile in tiles])
    few, many = (100 * share for share in ((events < TRAINED_EVENTS[0]).mean(), (events > TRAINED_EVENTS[1]).mean()))
    if many >= 1:
        notes.append(
            f"{many:.0f} % of the windows hold more than {TRAINED_EVENTS[1]} events: the network saw them thinned at "
            "random to that number, the most it was trained on"
        )
    if few >= 1:
        notes.append(
            f"{few:.0f} % of the windows hold fewer than {TRAINED_EVENTS[0]} events, fewer than the network saw"
        )
    return notes
