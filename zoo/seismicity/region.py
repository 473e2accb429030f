"""Which events of a catalogue are looked at: those in the region, from the magnitude of completeness on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zoo.errors import UsageError, ZooError
from zoo.field.magnitudes import FEWEST_MAGNITUDES, magnitude_of_completeness
from zoo.seismicity.catalogues import Catalogue
from zoo.seismicity.grid import PixelGrid

_POINTS_PER_SIDE = 65
"""Points of a region's side that are projected: its sides are curved on the map."""
_ESTIMATE = "the most frequent magnitude"


def region_km(catalogue: Catalogue, region: Sequence[float] | None) -> tuple[float, float, float, float] | None:
    """Return west, east, south and north of a region in km, None for the default region.

    Args:
        catalogue: its projection is used.
        region: west, east, south, north in degrees, in km for metric coordinates; or None.

    Raises:
        UsageError: if these are not the sides of a region.
    """
    if region is None:
        return None
    west, east, south, north = map(float, region)
    if catalogue.geographic:
        east += 360 * (east < west)  # across 180 degrees
    if not (west < east and south < north):
        raise UsageError(f"A region is given as west east south north; received {west:g} {east:g} {south:g} {north:g}.")
    if not catalogue.geographic:
        return west, east, south, north
    if not (-90 <= south and north <= 90 and -180 <= west <= 360 and east - west <= 360):
        raise UsageError(
            "A region has longitudes from -180 to 360 and latitudes from -90 to 90 degrees; received "
            f"{west:g} {east:g} {south:g} {north:g}."
        )
    # The outermost points of the sides count.
    part = np.linspace(0, 1, _POINTS_PER_SIDE)
    across, up = west + part * (east - west), south + part * (north - south)
    lon = np.concatenate([across, across, np.full_like(up, west), np.full_like(up, east)])
    lat = np.concatenate([np.full_like(across, south), np.full_like(across, north), up, up])
    x_km, y_km = catalogue.projection.forward(lon, lat)
    return float(x_km.min()), float(x_km.max()), float(y_km.min()), float(y_km.max())


def inside(catalogue: Catalogue, grid: PixelGrid, region: Sequence[float] | None) -> Catalogue:
    """Return the events that lie in the grid, and in the region where one is given.

    Raises:
        ZooError: if there are none.
    """
    chosen = grid.inside(catalogue.x_km, catalogue.y_km)
    if region is not None:
        west, east, south, north = map(float, region)
        if catalogue.geographic:
            width_deg = east - west + 360 * (east < west)
            chosen &= (catalogue.longitude_deg - west) % 360 <= width_deg
            chosen &= (catalogue.latitude_deg >= south) & (catalogue.latitude_deg <= north)
        else:
            chosen &= (catalogue.x_km >= west) & (catalogue.x_km <= east)
            chosen &= (catalogue.y_km >= south) & (catalogue.y_km <= north)
    if not chosen.any():
        where = "west {:g}, east {:g}, south {:g}, north {:g}".format(*region)
        unit = ("longitude_deg", "latitude_deg") if catalogue.geographic else ("x_km", "y_km")
        span = [f"{u} {getattr(catalogue, u).min():.6g} to {getattr(catalogue, u).max():.6g}" for u in unit]
        raise ZooError(f"No event of {catalogue.name} lies in the region {where}. Its events span {', '.join(span)}.")
    outside = int((~chosen).sum())
    return catalogue.select(chosen, *([f"{outside} events outside the region"] if outside else []))


def complete(catalogue: Catalogue, completeness: float | str | None) -> tuple[Catalogue, float]:
    """Return the events from the magnitude of completeness on, and that magnitude (NaN if every event counts).

    The estimate is the most frequent magnitude, without the 0.2 that protects b values and costs every third event:
    recorded events are compared with what a model of recorded events expects, and times in which fewer were recorded
    are in that model (`zoo.seismicity.etas.completeness`, `.changes`).

    Args:
        catalogue: the events.
        completeness: the magnitude, "none" for every event, None for an estimate (`magnitude_of_completeness`).

    Raises:
        UsageError: if it is neither a number nor "none".
        ZooError: if no event reaches it.
    """
    if isinstance(completeness, str):
        if completeness.lower() != "none":
            try:
                completeness = float(completeness)
            except ValueError:
                raise UsageError(f"A completeness is a magnitude or none; received {completeness!r}.") from None
        else:
            return catalogue.select(np.ones(len(catalogue), bool), "every event counts, whatever its magnitude"), np.nan
    known = np.isfinite(catalogue.magnitude)
    how = "given"
    if completeness is None:
        completeness, how = magnitude_of_completeness(catalogue.magnitude, correction=0.0), _ESTIMATE
        if np.isnan(completeness):
            note = f"no completeness: fewer than {FEWEST_MAGNITUDES} magnitudes, every event counts"
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
