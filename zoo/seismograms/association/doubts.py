"""Sentences on what may be wrong with a catalogue: events at the edge, S before P, few stations, late clocks."""

from __future__ import annotations

import numpy as np

from zoo.field.grid_times import outside
from zoo.field.speed_grid import SpeedGrid
from zoo.seismograms.association.known import early_s
from zoo.seismograms.association.locate import Located

_NAMED = 3  # events that a note names
_LEAST_EVENTS = 10  # fewer do not tell of stations
_LOST = 0.2  # of the share of picks that are of events: less is a station that does not belong
_CLOCK_S = 0.3  # terms of both phases beyond it are rather of a clock than of the ground, which is later for S
_EDGE = 0.02  # share of the region's size that is its edge


def doubts(located: Located, associated: bool) -> list[str]:
    """Return a sentence for each thing about a catalogue that its user should know.

    Args:
        located: events with their intervals.
        associated: whether the events were given with the picks.
    """
    return [
        *(_few_stations(located, associated) or _no_event(located, associated)),
        *_early(located),
        *_edges(located),
        *_beyond_model(located),
        *_clocks(located),
        *_events_given(located, associated),
    ]


def _few_stations(located: Located, associated: bool) -> list[str]:
    found = located.associated
    count = len(np.unique(found.station[found.station >= 0]))
    chosen = found.settings
    least = max(-(-chosen["least_picks"] // 2), chosen["least_p"], chosen["least_s"], chosen["least_both"])
    if associated or count >= least or not len(found.picks):
        return []
    return [
        f"picks are of {count} known stations, and an event takes {least} or more (least_picks "
        f"{chosen['least_picks']}, least_p {chosen['least_p']}, least_s {chosen['least_s']}): none can be found; --set "
        "changes these"
    ]


def _no_event(located: Located, associated: bool) -> list[str]:
    found = located.associated
    if len(located) or associated or not len(found.picks):
        return []
    return [
        f"no event explains {found.settings['least_picks']} picks or more: are the stations' latitudes and longitudes, "
        "the speeds and the times (UTC) right? --set least_picks=N asks for fewer"
    ]


def _early(located: Located) -> list[str]:
    found = located.associated
    early = early_s(found.picks, found.station, found.event)
    if not early.size:
        return []
    events = np.unique(found.event[early])
    return [f"{len(events)} events have S before P at a station, {_named(events)}: look at those"]


def _edges(located: Located) -> list[str]:
    found, notes = located.associated, []
    if not len(located):
        return notes
    size = found.high_km - found.low_km
    low, high = located.interval_km[:, 1, :, 0], located.interval_km[:, 1, :, 1]
    beyond = (low < found.low_km + _EDGE * size) | (high > found.high_km - _EDGE * size)
    beside = np.flatnonzero(beyond[:, :2].any(axis=1))
    if beside.size:
        notes.append(
            f"{beside.size} events may lie beyond the sides of the region that was searched, {_named(beside)}: "
            f"raise margin_km ({found.settings['margin_km']:g} km)"
        )
    deep = np.flatnonzero(high[:, 2] > found.high_km[2] - _EDGE * size[2])
    if deep.size:
        notes.append(
            f"{deep.size} events may lie deeper than was searched, {_named(deep)}: raise most_depth_km "
            f"({found.high_km[2]:g} km)"
        )
    return notes


def _clocks(located: Located) -> list[str]:
    """Name stations whose terms of P and S are late alike, and those whose picks are hardly of any event."""
    found, notes, codes = located.associated, [], located.associated.stations.codes
    if len(located) < _LEAST_EVENTS:
        return notes
    known = found.station >= 0
    whole = np.bincount(found.station[known], minlength=len(codes))
    used = np.bincount(found.station[known & (found.event >= 0)], minlength=len(codes))
    share = used.sum() / max(whole.sum(), 1)
    lost = [codes[s] for s in np.flatnonzero((whole * share >= _LEAST_EVENTS) & (used < _LOST * share * whole))]
    if lost:
        notes.append(
            f"hardly any picks of {len(lost)} stations are of events ({share:.0%} of all are): {_first(lost)}; are "
            "their clock and place right?"
        )
    terms = located.corrections.terms_s
    both = np.where(terms[0] * terms[1] > 0, np.abs(terms).min(axis=0), 0.0)
    late = [f"{codes[s]} ({terms[:, s].mean():+.2f} s)" for s in np.flatnonzero(both > _CLOCK_S)]
    if late:
        notes.append(
            f"P and S come late (+) or early (-) alike at these stations, is their clock right? {_first(late)}"
        )
    return notes


def _first(names: list[str]) -> str:
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")


def _events_given(located: Located, associated: bool) -> list[str]:
    events = len(np.unique(located.associated.picks.event[located.associated.picks.event >= 0]))
    if associated or events < 2:
        return []
    return [f"the file says that picks are of {events} events; they were associated anew (--associated keeps those)"]


def _beyond_model(located: Located) -> list[str]:
    found = located.associated
    if not isinstance(found.layers, SpeedGrid):
        return []
    share = outside(found.layers, found.projection, found.low_km, found.high_km)
    return (
        [f"{share:.0%} of the region lies beyond the velocity model, whose sides go on there"] if share > 0.005 else []
    )


def _named(events: np.ndarray) -> str:
    names = ", ".join(str(e + 1) for e in events[:_NAMED])
    return f"event{'s' * (len(events) > 1)} {names}" + (" ..." if len(events) > _NAMED else "")
