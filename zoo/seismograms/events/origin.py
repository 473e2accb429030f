"""When an event began, by the P and S picks of its stations, where nobody has said so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.errors import ZooError
from zoo.seismograms.events.measures import TRAVEL_S, VP_OVER_VS

if TYPE_CHECKING:
    from obspy import Stream, UTCDateTime

_THRESHOLD = 0.1  # low: stations that agree are believed, not a single pick
_AGREE_S, _APART_S = 2.0, 0.5
_S_TOLERANCE_S, _S_TOLERANCE = 0.3, 0.1  # of S, in s and as a share of P's travel time

Picks = Mapping[str, Mapping[str, Sequence[tuple[float, float]]]]
"""Station -> "P", "S" -> (time in s, probability) of each pick."""


def origin_of(picks: Picks) -> float:
    """Return the origin time with which the picks of most stations, weighted by their probabilities, agree.

    Each P and S of a station are a candidate, tp - (ts - tp) / (vp/vs - 1). A candidate's score is the sum over
    stations of the best P from 0.3 to 21 s after it, which counts more if an S comes where it should.

    >>> station = {"P": [(12.0, 0.9)], "S": [(13.5, 0.8)]}
    >>> origin_of({"XX.A": station, "XX.B": {"P": [(14.0, 0.9)], "S": [(17.0, 0.7), (40.0, 0.9)]}})
    10.0

    Args:
        picks: of all stations, in s after any time.

    Raises:
        ZooError: if no station has a P and an S.
    """
    longest_s = (VP_OVER_VS - 1) * TRAVEL_S[1]
    candidates = [
        p_s - (s_s - p_s) / (VP_OVER_VS - 1)
        for of_station in picks.values()
        for p_s, _ in of_station.get("P", ())
        for s_s, _ in of_station.get("S", ())
        if (VP_OVER_VS - 1) * TRAVEL_S[0] <= s_s - p_s <= longest_s
    ]
    if not candidates:
        raise ZooError(
            "No station has both a P and an S pick, so nothing says when the event began. Give its origin time "
            "(classify_event(stream, origin_time), zoo annotate --origin-time)."
        )
    best = candidates[int(np.argmax([_agreement(origin_s, picks) for origin_s in candidates]))]
    return float(np.median([other for other in candidates if abs(other - best) <= _AGREE_S]))


def _agreement(origin_s: float, picks: Picks) -> float:
    total = 0.0
    for of_station in picks.values():
        found = [0.0]
        for p_s, p in of_station.get("P", ()):
            travel_s = p_s - origin_s
            if TRAVEL_S[0] <= travel_s <= TRAVEL_S[1]:
                near_s = _S_TOLERANCE_S + _S_TOLERANCE * travel_s
                expected_s = origin_s + VP_OVER_VS * travel_s
                s = max((s for s_s, s in of_station.get("S", ()) if abs(s_s - expected_s) <= near_s), default=0.0)
                found.append(p * (0.3 + s))
        total += max(found)
    return total


def origin_by_picks(stream: Stream, picker: Any) -> UTCDateTime:
    """Pick P and S at the stations of an event, and return when it began.

    Raises:
        ZooError: as `origin_of`, and as `zoo.seismograms.annotate`.
    """
    from scipy.signal import find_peaks

    from zoo.seismograms.picking.annotate import annotate

    made: dict[str, dict[str, list[tuple[float, float]]]] = {}
    curves = [trace for trace in annotate(stream, picker) if trace.stats.channel.endswith(("_P", "_S"))]
    start = min(trace.stats.starttime for trace in curves)
    for trace in curves:
        apart = max(1, round(_APART_S * trace.stats.sampling_rate))
        peaks, _ = find_peaks(np.pad(trace.data, 1), height=_THRESHOLD, distance=apart)
        first_s = trace.stats.starttime - start
        found = [(first_s + at * trace.stats.delta, float(trace.data[at])) for at in (peaks - 1).tolist()]
        of_station = made.setdefault(f"{trace.stats.network}.{trace.stats.station}", {})
        of_station.setdefault(trace.stats.channel[-1], []).extend(found)
    return start + origin_of(made)
