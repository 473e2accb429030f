"""Which part of a catalogue is looked at: its region, and its magnitudes from the completeness on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zoo.errors import UsageError, ZooError
from zoo.seismicity.catalogues import Catalogue
from zoo.seismicity.windows import PixelGrid, magnitude_of_completeness


def region_km(catalogue: Catalogue, region: Sequence[float] | None) -> tuple[float, float, float, float] | None:
    """Return west, east, south, north in km."""
    if region is None:
        return None
    west, east, south, north = map(float, region)
    if catalogue.geographic:
        east += 360 * (east < west)  # across 180 degrees
    if not (west < east and south < north):
        raise UsageError(f"A region is west east south north; received {west:g} {east:g} {south:g} {north:g}.")
    if not catalogue.geographic:
        return west, east, south, north
    if not (-90 <= south and north <= 90 and -180 <= west <= 360 and east - west <= 360):
        raise UsageError(f"A region is in degrees; received {west:g} {east:g} {south:g} {north:g}.")
    # The sides are curved on the map: their outermost points count.
    part = np.linspace(0, 1, 65)
    across, up = west + part * (east - west), south + part * (north - south)
    lon = np.concatenate([across, across, np.full(65, west), np.full(65, east)])
    lat = np.concatenate([np.full(65, south), np.full(65, north), up, up])
    x_km, y_km = catalogue.projection.forward(lon, lat)
    return float(x_km.min()), float(x_km.max()), float(y_km.min()), float(y_km.max())


def inside(catalogue: Catalogue, grid: PixelGrid, region: Sequence[float] | None) -> Catalogue:
    """Return the events in the grid, and in the region where one is given."""
    chosen = grid.inside(catalogue.x_km, catalogue.y_km)
    if region is not None:
        west, east, south, north = map(float, region)
        if catalogue.geographic:
            span = east - west + 360 * (east < west)
            chosen &= (catalogue.longitude_deg - west) % 360 <= span
            chosen &= (catalogue.latitude_deg >= south) & (catalogue.latitude_deg <= north)
        else:
            chosen &= (catalogue.x_km >= west) & (catalogue.x_km <= east)
            chosen &= (catalogue.y_km >= south) & (catalogue.y_km <= north)
    if not chosen.any():
        where = "west {:g}, east {:g}, south {:g}, north {:g}".format(*region)
        unit = ("longitude_deg", "latitude_deg") if catalogue.geographic else ("x_km", "y_km")
        reach = [f"{u} {getattr(catalogue, u).min():.6g} to {getattr(catalogue, u).max():.6g}" for u in unit]
        raise ZooError(f"No event of {catalogue.name} lies in the region {where}. It has {', '.join(reach)}.")
    outside = int((~chosen).sum())
    return catalogue.select(chosen, *([f"{outside} events outside the region"] if outside else []))


def complete(catalogue: Catalogue, completeness: float | str | None) -> tuple[Catalogue, float]:
    """Return the events from the magnitude of completeness on, and that magnitude (NaN: every event)."""
    if isinstance(completeness, str):
        if completeness.lower() != "none":
            try:
                completeness = float(completeness)
            except ValueError:
                raise UsageError(f"A completeness is a magnitude, or none; received {completeness!r}.") from None
        else:
            return catalogue.select(np.ones(len(catalogue), bool), "every event counts, whatever its magnitude"), np.nan
    known = np.isfinite(catalogue.magnitude)
    how = "given"
    if completeness is None:
        completeness, how = magnitude_of_completeness(catalogue.magnitude), "maximum curvature + 0.2"
        if np.isnan(completeness):
            note = "no completeness: fewer than 50 magnitudes, every event counts"
            return catalogue.select(np.ones(len(catalogue), bool), note), np.nan
    # A magnitude of 1.0 may be stored as 0.99999.
    kept = known & (catalogue.magnitude >= completeness - 1e-6)
    if not kept.any():
        largest = f"the largest is {np.nanmax(catalogue.magnitude):g}" if known.any() else "no event has a magnitude"
        raise ZooError(
            f"No event reaches magnitude {completeness:g} ({largest}). Give --completeness MAGNITUDE or none."
        )
    notes = [
        f"{kept.sum()} events from magnitude {completeness:g} on ({how}), {(known & ~kept).sum()} smaller ones left out"
    ]
    if not known.all():
        notes.append(f"{(~known).sum()} events without a magnitude left out (--completeness none keeps them)")
    return catalogue.select(kept, *notes), float(completeness)
