"""Picks of ObsPy as a list that can be searched, printed, and made a table or a catalogue."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from zoo.errors import ZooError

if TYPE_CHECKING:
    from obspy import UTCDateTime
    from obspy.core.event import Catalog, Pick

_SHOWN = 20
_POLARITIES = {"positive": "up", "negative": "down"}


class Picks(list):
    """A list of `obspy.core.event.Pick`, by station and time.

    >>> import obspy
    >>> from zoo.seismograms import classify
    >>> picks = classify(obspy.read(), "phase_picker")
    >>> [pick.time.strftime("%H:%M:%S") for pick in picks.select(phase="P", station="RJ*")]
    ['00:20:07']
    >>> len(picks.to_catalog()[0].picks) == len(picks)
    True
    """

    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        return Picks(found) if isinstance(index, slice) else found

    def select(
        self,
        *,
        network: str | None = None,
        station: str | None = None,
        phase: str | None = None,
        starttime: UTCDateTime | None = None,
        endtime: UTCDateTime | None = None,
        min_probability: float | None = None,
    ) -> Picks:
        """Return the picks of which all that is given is true.

        Args:
            network, station, phase: codes, with the wildcards * and ?.
            starttime: of the first pick.
            endtime: of the last one.
            min_probability: the least one.
        """

        def fits(pick: Pick) -> bool:
            where = pick.waveform_id
            named = ((where.network_code, network), (where.station_code, station), (pick.phase_hint, phase))
            return (
                all(pattern is None or fnmatch.fnmatchcase(value or "", pattern) for value, pattern in named)
                and (starttime is None or pick.time >= starttime)
                and (endtime is None or pick.time <= endtime)
                and (min_probability is None or (probability_of(pick) or 0.0) >= min_probability)
            )

        return Picks(filter(fits, self))

    def rows(self) -> list[dict[str, Any]]:
        """Return a dict for each pick, with the columns of picks.csv."""
        made = []
        for pick in self:
            where, amplitude = pick.waveform_id, _comment(pick, "amplitude")
            value, _, unit = (amplitude or "").partition(" ")
            made.append(
                {
                    "network": where.network_code or "",
                    "station": where.station_code or "",
                    "location": where.location_code or "",
                    "channel": where.channel_code or "",
                    "phase": pick.phase_hint,
                    "time": pick.time,
                    "probability": probability_of(pick),
                    "polarity": _POLARITIES.get(pick.polarity, ""),
                    "amplitude": float(value) if value else None,
                    "amplitude_unit": unit,
                    "uncertainty_s": pick.time_errors.uncertainty if pick.time_errors else None,
                }
            )
        return made

    def to_dataframe(self) -> Any:
        """Return a `pandas.DataFrame` with the columns of picks.csv; times are numpy's datetime64 in UTC.

        Raises:
            ZooError: if pandas is not installed: the package does not depend on it.
        """
        try:
            import pandas
        except ImportError:
            raise ZooError(
                "A DataFrame needs pandas, which is not installed: pip install pandas, or use rows() or picks.csv."
            ) from None
        frame = pandas.DataFrame(self.rows(), columns=COLUMNS)
        frame["time"] = pandas.to_datetime([pick.time.ns for pick in self], unit="ns", utc=True)
        return frame

    def to_catalog(self) -> Catalog:
        """Return a catalogue of one event that holds the picks and their amplitudes, for QuakeML."""
        methods = {str(pick.method_id).rpartition("/")[2] for pick in self}
        return catalog_of(self, methods.pop() if len(methods) == 1 else "several models")

    def __str__(self) -> str:
        lines = [f"{len(self)} pick{'s' * (len(self) != 1)}"]
        for row in self[:_SHOWN].rows():
            name = ".".join(row[key] for key in ("network", "station", "location", "channel"))
            time = row["time"].strftime("%Y-%m-%dT%H:%M:%S.%f")[:-4]
            probability = "" if row["probability"] is None else f"{row['probability']:.2f}"
            amplitude = "" if row["amplitude"] is None else f"{row['amplitude']:.3g} {row['amplitude_unit']}"
            lines.append(
                f"{name:<16} {row['phase']:<2} {time}  {probability:>4}  {row['polarity']:<4}  {amplitude}".rstrip()
            )
        if len(self) > _SHOWN:
            lines.append(f"... {len(self) - _SHOWN} more")
        return "\n".join(lines)

    __repr__ = __str__


COLUMNS = (
    *("network", "station", "location", "channel", "phase", "time", "probability"),
    *("polarity", "amplitude", "amplitude_unit", "uncertainty_s"),
)
"""Of picks.csv and of a DataFrame."""


def probability_of(pick: Pick) -> float | None:
    """Return the probability that a pick's comment states."""
    text = _comment(pick, "probability")
    return None if text is None else float(text)


def _comment(pick: Pick, key: str) -> str | None:
    return next((c.text.partition("=")[2] for c in pick.comments if (c.text or "").startswith(f"{key}=")), None)


def catalog_of(picks: Iterable[Pick], method: str) -> Catalog:
    """Return picks as a catalogue; QuakeML needs an event around them, whose comment says that it is not one.

    Amplitudes become elements of their own (`generic_amplitude`) that name their picks; the unit of those that are not
    in metres is in their comment.
    """
    from obspy.core.event import Amplitude, Catalog, Comment, Event, ResourceIdentifier

    picks = list(picks)
    amplitudes = []
    for pick in picks:
        value, _, unit = (_comment(pick, "amplitude") or "").partition(" ")
        if value:
            amplitudes.append(
                Amplitude(
                    resource_id=ResourceIdentifier(str(pick.resource_id).replace("/pick/", "/amplitude/")),
                    generic_amplitude=float(value),
                    unit="m" if unit == "m" else "other",
                    type="displacement",
                    pick_id=pick.resource_id,
                    waveform_id=pick.waveform_id,
                    evaluation_mode="automatic",
                    comments=[Comment(text=f"unit: {unit}", force_resource_id=False)],
                )
            )
    text = f"Picks by {method}, not associated: this element is their container, not one event."
    name = method.replace(" ", "_")
    return Catalog(
        [
            Event(
                resource_id=ResourceIdentifier(f"smi:local/picks/{name}"),
                picks=picks,
                amplitudes=amplitudes,
                comments=[Comment(text=text, force_resource_id=False)],
            )
        ],
        resource_id=ResourceIdentifier(f"smi:local/catalog/{name}"),
    )
