"""The metadata of a seismogram: columns under SeisBench's names, with their units.

Numbers are float64 and stay as they are in the archive; a missing number is NaN, a missing text is empty. Samples count
from 0 at the first sample of the record.
"""

from __future__ import annotations

from typing import NamedTuple


class Column(NamedTuple):
    """A column: `kind` is "text", "number" or "vector3" (three numbers), `about` its meaning and unit."""

    kind: str
    about: str


COLUMNS: dict[str, Column] = {
    "trace_name": Column("text", "name of the record, unique in its archive"),
    "trace_category": Column("text", "what it shows: earthquake, explosion, noise ..."),
    "trace_start_time": Column("text", "UTC of the first sample, ISO 8601"),
    "trace_channel": Column("text", "first two letters of the channel code"),
    "trace_component_order": Column("text", "the components that the archive has"),
    "trace_scale": Column("number", "factor by which the waveform is multiplied to be in the archive's unit"),
    "trace_p_arrival_sample": Column("number", "sample of the P arrival"),
    "trace_p_status": Column("text", "who picked P: manual, automatic, estimated ..."),
    "trace_p_weight": Column("number", "weight of the P pick, 0 to 1"),
    "trace_p_uncertainty_s": Column("number", "s, uncertainty of the P pick"),
    "trace_s_arrival_sample": Column("number", "sample of the S arrival"),
    "trace_s_status": Column("text", "who picked S"),
    "trace_s_weight": Column("number", "weight of the S pick, 0 to 1"),
    "trace_s_uncertainty_s": Column("number", "s, uncertainty of the S pick"),
    "trace_snr_db": Column("vector3", "dB, signal-to-noise ratio of the three components in the archive's order"),
    "trace_coda_end_sample": Column("number", "sample at which the coda ends"),
    "trace_origin_sample": Column("number", "sample of the origin time"),
    "station_network_code": Column("text", "FDSN network"),
    "station_code": Column("text", "FDSN station"),
    "station_location_code": Column("text", "FDSN location"),
    "station_latitude_deg": Column("number", "degrees north"),
    "station_longitude_deg": Column("number", "degrees east"),
    "station_elevation_m": Column("number", "m above sea level"),
    "source_id": Column("text", "the catalogue's identifier of the event"),
    "source_type": Column("text", "earthquake, explosion ..., as in the catalogue"),
    "source_origin_time": Column("text", "UTC, ISO 8601"),
    "source_origin_uncertainty_sec": Column("number", "s, uncertainty of the origin time"),
    "source_latitude_deg": Column("number", "degrees north"),
    "source_longitude_deg": Column("number", "degrees east"),
    "source_error_sec": Column("number", "s, root mean square of the travel-time residuals"),
    "source_gap_deg": Column("number", "degrees, largest azimuthal gap"),
    "source_horizontal_uncertainty_km": Column("number", "km"),
    "source_depth_km": Column("number", "km below sea level"),
    "source_depth_uncertainty_km": Column("number", "km"),
    "source_magnitude": Column("number", "magnitude"),
    "source_magnitude_type": Column("text", "ml, mb, mw ..."),
    "source_magnitude_author": Column("text", "who gave the magnitude"),
    "source_focal_mechanism_strike_dip_rake": Column("text", "degrees, as in the archive"),
    "path_p_travel_sec": Column("number", "s, travel time of P"),
    "path_s_travel_sec": Column("number", "s, travel time of S"),
    "path_ep_distance_deg": Column("number", "degrees, epicentral"),
    "path_ep_distance_km": Column("number", "km, epicentral"),
    "path_azimuth_deg": Column("number", "degrees, from the source to the station"),
    "path_back_azimuth_deg": Column("number", "degrees, from the station to the source"),
    "path_back_azimuth_archive_deg": Column("number", "degrees, as stated in the archive"),
}


def kind_of(name: str, extra: dict[str, str] | None = None) -> str:
    """Return the kind of a column; `extra` has the kinds of those that only one archive has."""
    return COLUMNS[name].kind if name in COLUMNS else (extra or {})[name]
