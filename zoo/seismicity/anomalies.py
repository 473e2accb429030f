"""When and where was seismicity anomalous? A catalogue's anomalous periods and their places, by a network on maps.

    found = find_anomalies(zoo.seismicity.catalogues.read("catalogue.csv"), "seismicity_resnet18.history")
    print(found.report())
    found.write("anomalies")

The catalogue is cut at its completeness, its events are counted on maps of 64 x 64 pixels in windows that slide over
time (`zoo.seismicity.windows`), a network says how anomalous each map is (`seismicity_scores`). Windows above
the region's own threshold merge into intervals (`seismicity_intervals`); in them, pixels with significantly more events
than the region's past lets expect, connected in space and time, are sequences (`seismicity_places`).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from zoo.errors import UsageError, ZooError
from zoo.progress import bar
from zoo.seismicity.catalogues import Catalogue, read
from zoo.seismicity.intervals import Tile, intervals_of, on_map, sequences_of
from zoo.seismicity.places import subregions_of
from zoo.seismicity.region import complete, inside, region_km
from zoo.seismicity.report import Seismicity
from zoo.seismicity.scores import NetworkScore, score_tile, scores_of, simulated_years
from zoo.seismicity.threshold import YEAR_DAYS
from zoo.seismicity.windows import (
    PAST_EVENTS,
    PAST_WINDOWS,
    TRAINED_EVENTS,
    PixelGrid,
    TileMaps,
    Windows,
    typical_window_days,
)

__all__ = ["Seismicity", "find_anomalies"]

_FEWEST_EVENTS, _MOST_MAPS = 20, 500


def find_anomalies(
    catalogue: Catalogue | str | os.PathLike,
    model: Any = "seismicity_resnet18.history",
    *,
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
        catalogue: a `zoo.seismicity.catalogues.Catalogue`, or a file that `zoo.seismicity.catalogues.read` reads.
        model: a network on maps of seismicity or its name; one with the past rate as second channel is given it.
        region: west, east, south, north in degrees (km for metric coordinates); default: all but the outlying 1 % of
            the events, padded.
        pixel_km: side of a pixel; default: so that 64 of them span the region. Wider regions are tiled.
        window_days: length of a window; default one day where that typically holds 50 to 400 events, else what does.
        stride_days: from window to window; default half a window.
        completeness: smallest magnitude that counts, "none" for every event; default by maximum curvature.
        false_alarms_per_year: how many alarms a year a region's ordinary times, simulated, may give at the threshold;
            where it has several maps they share them.
        seed: of the simulation.

    Returns:
        Windows with their scores, intervals, places, subregions; `report`, `write`.

    Raises:
        ZooError: no events in the region, a catalogue shorter than one window, or as `zoo.seismicity.catalogues.read`.
        UsageError: a setting out of its range, or not a model of maps of seismicity.
    """
    _check_settings(pixel_km, window_days, stride_days, false_alarms_per_year)
    network, method = _loaded(model, seed)
    catalogue = catalogue if isinstance(catalogue, Catalogue) else read(catalogue)
    grid = PixelGrid.covering(catalogue.x_km, catalogue.y_km, region_km(catalogue, region), pixel_km)
    catalogue, completeness = complete(inside(catalogue, grid, region), completeness)
    complete_from = f" from magnitude {completeness:g} on" if np.isfinite(completeness) else ""
    if len(catalogue) < _FEWEST_EVENTS:
        raise ZooError(
            f"{catalogue.name}: {len(catalogue)} events{complete_from} in this region; expected at least "
            f"{_FEWEST_EVENTS}. Choose another region, --completeness none, or give a longer catalogue."
        )
    row, column = grid.place(catalogue.x_km, catalogue.y_km)
    corners = grid.tiles()
    if len(corners) > _MOST_MAPS:
        raise UsageError(
            f"{len(corners)} maps of 64 x 64 pixels of {grid.pixel_km:g} km cover the region; expected at most "
            f"{_MOST_MAPS}. Choose larger pixels or a smaller region."
        )
    held = {corner: np.flatnonzero(on_map(*corner, row, column)) for corner in corners}
    held = {corner: own for corner, own in held.items() if len(own) >= _FEWEST_EVENTS}
    notes: list[str] = []
    if not held:
        raise ZooError(
            f"No map of 64 x 64 pixels of {grid.pixel_km:g} km holds {_FEWEST_EVENTS} events{complete_from}. Choose "
            "larger pixels (--pixel-km), another region or --completeness none."
        )
    if len(held) < len(corners):
        quiet = len(corners) - len(held)
        notes.append(f"{quiet} of {len(corners)} maps hold fewer than {_FEWEST_EVENTS} events and were passed over")
    if window_days is None:
        window_days = typical_window_days(catalogue.time, len(held))
        if window_days != 1.0:
            notes.append(
                f"windows of {_length(window_days)} instead of a day: so that one typically holds about "
                f"{TRAINED_EVENTS[0]} to {TRAINED_EVENTS[1]} events (--window DAYS chooses another)"
            )
    windows = Windows.over(catalogue.time, window_days, stride_days or window_days / 2)
    time_ms = (catalogue.time - windows.begin) / np.timedelta64(1, "ms")
    scores = scores_of(network)
    each = false_alarms_per_year / len(held)
    simulated = simulated_years(windows.stride_days, each) * YEAR_DAYS / windows.stride_days
    title = f"Scoring {windows.count} windows of {len(held)} map{'s' * (len(held) > 1)}"
    tiles = []
    with bar(title, len(held) * (windows.count + simulated)) as advance:
        for (first_row, first_column), own in held.items():
            maps = TileMaps(time_ms[own], row[own] - first_row, column[own] - first_column, windows)
            values, thresholds = score_tile(maps, scores, each, seed, advance)
            tiles.append(Tile(first_row, first_column, maps, values, thresholds))
    notes += _on_past_and_events(windows, tiles)
    intervals = intervals_of(windows, tiles)
    sequences = sequences_of(catalogue, grid, windows, tiles, intervals)
    subregions = subregions_of(sequences, (grid.rows, grid.columns), row, column)
    names = {number: subregion.name for subregion in subregions for number in subregion.sequences}
    sequences = [replace(sequence, subregion=names.get(sequence.number, "")) for sequence in sequences]
    return Seismicity(
        catalogue=replace(catalogue, notes=(*catalogue.notes, *notes)),
        grid=grid,
        windows=windows,
        tiles=tiles,
        intervals=intervals,
        sequences=sequences,
        subregions=subregions,
        method=method,
        completeness=completeness,
        false_alarms_per_year=false_alarms_per_year,
    )


def _check_settings(
    pixel_km: float | None, window_days: float | None, stride_days: float | None, false_alarms: float
) -> None:
    for name, value in (("pixel", pixel_km), ("window", window_days), ("stride", stride_days)):
        if value is not None and not (np.isfinite(value) and value > 0):
            raise UsageError(f"The {name} must be above 0; received {value:g}.")
    if not 0 < false_alarms < 1000:
        raise UsageError(f"False alarms a year must be above 0; received {false_alarms:g}.")


def _loaded(model: Any, seed: int) -> tuple[NetworkScore, str]:
    if not isinstance(model, str | os.PathLike):
        return NetworkScore(model, seed), getattr(model, "recipe_name", None) or type(model).__name__
    from zoo import registry

    return NetworkScore(registry.load(model), seed), registry.find(model).name


def _on_past_and_events(windows: Windows, tiles: list[Tile]) -> list[str]:
    """Return what to say of windows without a past, and of those with more or fewer events than in training."""
    notes = []
    without = int((tiles[0].maps.past_windows(np.arange(windows.count)) == 0).sum())
    if without:
        notes.append(
            f"{without} of {windows.count} windows have no long enough past ({PAST_EVENTS} events or "
            f"{PAST_WINDOWS[0]} windows): what is expected in them is the usual rate of the whole catalogue (pattern "
            "of its quieter three quarters, median number)"
        )
    events = np.concatenate([tile.maps.events for tile in tiles])
    few, many = (100 * share for share in ((events < TRAINED_EVENTS[0]).mean(), (events > TRAINED_EVENTS[1]).mean()))
    if many >= 1:
        notes.append(
            f"{many:.0f} % of the windows hold more than {TRAINED_EVENTS[1]} events: the network saw them thinned at "
            "random to that number, the most that it was trained on"
        )
    if few >= 1:
        notes.append(
            f"{few:.0f} % of the windows hold fewer than {TRAINED_EVENTS[0]} events, fewer than in training: the "
            "thresholds take it into account, but small bursts go unseen"
        )
    return notes


def _length(days: float) -> str:
    return f"{days:g} days" if days >= 1 else f"{24 * days:g} h"
