"""A catalogue as ObsPy's events: origins with uncertainties, arrivals, picks, magnitudes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from obspy.core.event import Catalog, Event

    from zoo.seismograms.association.catalogue import EventCatalogue


def quakeml(catalogue: EventCatalogue) -> Catalog:
    """Return the catalogue as `obspy.core.event.Catalog`; depths are metres below sea level, as QuakeML has them."""
    from obspy.core.event import Catalog

    found = catalogue.located.associated
    order = np.argsort(found.event, kind="stable")
    edges = np.searchsorted(found.event[order], np.arange(len(catalogue) + 1))
    places, distance = np.column_stack(catalogue.degrees()), catalogue.distance_km()
    events = [_event(catalogue, e, order[edges[e] : edges[e + 1]], places[e], distance) for e in range(len(catalogue))]
    return Catalog(events)


def _event(catalogue: EventCatalogue, e: int, rows: np.ndarray, place: np.ndarray, distance: np.ndarray) -> Event:
    from obspy import UTCDateTime
    from obspy.core.event import (
        Arrival,
        Event,
        Origin,
        OriginQuality,
        OriginUncertainty,
        Pick,
        QuantityError,
        WaveformStreamID,
    )  # fmt: skip

    at, found = catalogue.located, catalogue.located.associated
    picks, arrivals = [], []
    for i in rows:
        network, _, station = found.stations.codes[found.station[i]].rpartition(".")
        uncertainty = found.picks.uncertainty_s[i]
        pick = Pick(
            time=UTCDateTime(ns=round(found.picks.time_s[i] * 1e9)),
            time_errors=QuantityError(uncertainty=float(uncertainty) if np.isfinite(uncertainty) else None),
            phase_hint=str(found.picks.phase[i]),
            waveform_id=WaveformStreamID(network, station),
            evaluation_mode="automatic",
        )
        picks.append(pick)
        arrivals.append(
            Arrival(
                pick_id=pick.resource_id,
                phase=pick.phase_hint,
                time_residual=float(at.residual_s[i]),
                distance=float(np.degrees(distance[i] / 6371.0)),
            )
        )
    major, minor, azimuth = map(float, at.ellipse[e])
    origin = Origin(
        time=UTCDateTime(ns=round(at.origin_s[e] * 1e9)),
        time_errors=QuantityError(uncertainty=float(at.origin_sd_s[e])),
        longitude=float(place[0]),
        latitude=float(place[1]),
        longitude_errors=QuantityError(
            uncertainty=float(np.degrees(at.sd_km[e, 0] / 6371.0 / max(np.cos(np.radians(place[1])), 1e-3)))
        ),
        latitude_errors=QuantityError(uncertainty=float(np.degrees(at.sd_km[e, 1] / 6371.0))),
        depth=1000.0 * float(at.place_km[e, 2]),
        depth_errors=QuantityError(uncertainty=1000.0 * float(at.sd_km[e, 2])),
        arrivals=arrivals,
        evaluation_mode="automatic",
        origin_uncertainty=OriginUncertainty(
            max_horizontal_uncertainty=1000.0 * major,
            min_horizontal_uncertainty=1000.0 * minor,
            azimuth_max_horizontal_uncertainty=azimuth,
            preferred_description="uncertainty ellipse",
            confidence_level=68.0,
        ),
        quality=OriginQuality(
            used_phase_count=len(rows),
            used_station_count=int(at.counts[e, 2]),
            standard_error=float(at.rms_s[e]),
            azimuthal_gap=float(at.gap_deg[e]),
            minimum_distance=float(np.degrees(at.nearest_km[e] / 6371.0)),
        ),
    )
    event = Event(picks=picks, origins=[origin], event_type="earthquake")
    event.preferred_origin_id = origin.resource_id
    if np.isfinite(catalogue.magnitude[e]):
        _add_magnitudes(catalogue, e, event)
    return event


def _add_magnitudes(catalogue: EventCatalogue, e: int, event: Event) -> None:
    """Add the magnitude of an event; a local one with those of its stations, and with their amplitudes."""
    from obspy import UTCDateTime
    from obspy.core.event import (
        Amplitude,
        Magnitude,
        QuantityError,
        StationMagnitude,
        StationMagnitudeContribution,
        TimeWindow,
        WaveformStreamID,
    )  # fmt: skip

    made, codes = catalogue.magnitudes, catalogue.located.associated.stations.codes
    single, origin, local = made.single, event.preferred_origin_id, made.kind == "ML"
    contributions = []
    # Amplitudes of unknown unit, and what is relative, mean nothing to others: magnitudes.csv has them.
    for i in range(*np.searchsorted(single.event, [e, e + 1])) if local else ():
        network, _, station = codes[single.station[i]].rpartition(".")
        # QuakeML knows one channel: the first of those that were averaged.
        channel = single.label[i].split("+")[0]
        where = WaveformStreamID(network, station, channel_code=channel if len(channel) > 1 else None)
        amplitude = Amplitude(
            generic_amplitude=1e-3 * float(single.amplitude[i]),
            type="AML",
            category="point",
            unit="m",
            waveform_id=where,
            snr=float(single.snr[i]) if np.isfinite(single.snr[i]) else None,
            time_window=TimeWindow(begin=0.0, end=0.0, reference=UTCDateTime(ns=round(single.time_s[i] * 1e9))),
            magnitude_hint=made.kind,
            evaluation_mode="automatic",
        )
        magnitude = StationMagnitude(
            origin_id=origin,
            mag=float(single.value[i]),
            station_magnitude_type=made.kind,
            amplitude_id=amplitude.resource_id,
            waveform_id=where,
        )
        event.amplitudes.append(amplitude)
        event.station_magnitudes.append(magnitude)
        residual = float(single.value[i] - made.value[e])
        contributions.append(StationMagnitudeContribution(magnitude.resource_id, residual=residual, weight=1.0))
    magnitude = Magnitude(
        mag=float(made.value[e]),
        mag_errors=QuantityError(uncertainty=float(made.sd[e]) if np.isfinite(made.sd[e]) else None),
        magnitude_type=made.kind,
        station_count=int(made.stations[e]) if local else None,
        origin_id=origin,
        evaluation_mode="automatic",
        station_magnitude_contributions=contributions,
    )
    event.magnitudes.append(magnitude)
    event.preferred_magnitude_id = magnitude.resource_id
