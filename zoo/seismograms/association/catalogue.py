"""From anybody's picks to a catalogue: the whole way, and the files of it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from zoo.errors import UsageError, ZooError
from zoo.field.grid_files import read_earth
from zoo.field.magnitudes import FEWEST_MAGNITUDES, BValue, b_value, magnitude_of_completeness
from zoo.field.picks import read_picks
from zoo.field.stations import read_stations
from zoo.files import write_csv, write_json, write_with
from zoo.progress import bar
from zoo.seismograms.association.associate import associate
from zoo.seismograms.association.doubts import doubts
from zoo.seismograms.association.known import keep_events
from zoo.seismograms.association.local_magnitude import local_magnitudes
from zoo.seismograms.association.locate import Located, locate
from zoo.seismograms.association.magnitude import Magnitudes, magnitudes_of_picks
from zoo.seismograms.association.relative import Relative, relocate
from zoo.seismograms.association.settings import ASSOCIATION, LOCATION, MAGNITUDE
from zoo.seismograms.association.waveforms import Waveforms, holds_picks, pick_archive, recorded, responses_of
from zoo.settings import read

_EVENTS = (
    "event", "time", "latitude_deg", "longitude_deg", "depth_km", "magnitude", "magnitude_type", "magnitude_sd",
    "magnitude_stations", "time_sd_s",
    "east_sd_km", "north_sd_km", "depth_sd_km", "ellipse_major_km", "ellipse_minor_km", "ellipse_azimuth_deg",
    "rms_s", "gap_deg", "nearest_station_km", "p_picks", "s_picks", "stations", "log_odds",
)  # fmt: skip
_MAGNITUDES = (
    "event", "station", "measured", "magnitude", "residual", "term", "amplitude", "amplitude_unit", "snr",
    "distance_km", "time",
)  # fmt: skip
_RELATIVE = (
    "event", "time", "latitude_deg", "longitude_deg", "depth_km", "magnitude", "east_sd_km", "north_sd_km",
    "depth_sd_km", "group",
)  # fmt: skip
_PICKS = "event", "station", "phase", "time", "residual_s", "distance_km", "probability", "amplitude"


@dataclass(frozen=True)
class EventCatalogue:
    """Located events with their magnitudes, and how to write them."""

    located: Located
    magnitudes: Magnitudes
    notes: tuple[str, ...]
    waveforms: Waveforms | None = None
    """of the stations, for pages of events"""
    relative: Relative | None = None
    """places relative to neighbours, by double differences, if they were asked for"""

    def __len__(self) -> int:
        return len(self.located)

    @property
    def magnitude(self) -> np.ndarray:
        """(events,) NaN where there is none."""
        return self.magnitudes.value

    def degrees(self) -> tuple[np.ndarray, np.ndarray]:
        """Return longitudes and latitudes of the epicentres (events,)."""
        return self.located.associated.projection.inverse(*self.located.place_km[:, :2].T)

    def summary(self) -> dict[str, Any]:
        """Return what `summary.json` holds."""
        found = self.located.associated
        event, picks = found.event, found.picks
        made: dict[str, Any] = {"events": len(self), "picks": len(picks), "picks_of_events": int((event >= 0).sum())}
        if len(self):
            sd = self.located.sd_km
            made |= {
                "first": _text(self.located.origin_s[0]),
                "last": _text(self.located.origin_s[-1]),
                "median_rms_s": round(float(np.median(self.located.rms_s)), 4),
                "median_epicentre_sd_km": round(float(np.median(np.hypot(sd[:, 0], sd[:, 1]))), 4),
                "median_depth_sd_km": round(float(np.median(sd[:, 2])), 4),
                "pick_sd_s": {p: round(float(v), 4) for p, v in zip("PS", self.located.pick_sd_s, strict=True)},
            }
        made["station_terms_s"] = {
            code: [round(float(v), 4) for v in self.located.corrections.terms_s[:, i]]
            for i, code in enumerate(found.stations.codes)
        }
        made |= {"magnitudes": self._magnitude_summary()}
        if self.relative is not None:
            made["relative"] = self.relative.report()
        settings = {**self.magnitudes.settings, **found.settings, **self.located.settings}
        return made | {"settings": settings, "notes": list(self.notes)}

    def _magnitude_summary(self) -> dict[str, Any]:
        made, known = self.magnitudes, self.magnitude[np.isfinite(self.magnitude)]
        found: dict[str, Any] = {"type": made.kind, "events": len(known)}
        if len(known):
            found |= {"smallest": round(float(known.min()), 2), "largest": round(float(known.max()), 2)}
            found |= {"median_sd": round(float(np.nanmedian(made.sd)), 3)}
        law = self.law()
        if isinstance(law, str):
            found["note"] = law
        else:
            found["law"] = {key: round(float(value), 3) for key, value in law._asdict().items()}
        return found | {"terms": {code: round(term, 3) for code, term in made.terms.items()}}

    def law(self) -> BValue | str:
        """Return Gutenberg and Richter's law of the magnitudes, or why there is none."""
        completeness = magnitude_of_completeness(self.magnitude)
        if np.isnan(completeness):
            known = int(np.isfinite(self.magnitude).sum())
            return f"{known} magnitudes are too few for completeness and b value ({FEWEST_MAGNITUDES} needed)"
        try:
            return b_value(self.magnitude, completeness)
        except ZooError as error:
            return str(error)

    def report(self) -> str:
        """Return how many events there are, how well they fit, and what was assumed."""
        found = self.summary()
        lines = [f"{found['events']} events from {found['picks_of_events']} of {found['picks']} picks"]
        if len(self):
            lines.append(
                f"from {found['first']} to {found['last']}; median standard deviation of epicentres "
                f"{found['median_epicentre_sd_km']:.2f} km, of depths {found['median_depth_sd_km']:.2f} km; "
                f"residuals {found['median_rms_s']:.2f} s"
            )
        of = found["magnitudes"]
        if of["events"]:
            text = f"{of['type']} of {of['events']} events: {of['smallest']:.1f} to {of['largest']:.1f}"
            law = of.get("law")
            more = law and f"complete from {law['completeness']:.1f}, b {law['b']:.2f} +- {law['b_sd']:.2f}"
            lines.append(f"{text}; {more or of['note']}")
        if self.relative is not None:
            lines.append(self.relative.report())
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])

    def write(self, folder: str | os.PathLike, pages: int = 10) -> None:
        """Write tables, QuakeML, NonLinLoc's .hyp, hypoDD's .pha, summary.json and figures into a folder.

        Args:
            folder: is made where it is missing; pages of events in it are replaced.
            pages: how many events get a page, the largest ones.
        """
        from zoo.seismograms.association.exchange import hypodd, nonlinloc
        from zoo.seismograms.association.quakeml import quakeml
        from zoo.seismograms.figures.catalogue import draw_all

        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        write_csv(folder / "events.csv", _EVENTS, self._event_rows())
        write_csv(folder / "picks.csv", _PICKS, self._pick_rows())
        write_csv(folder / "magnitudes.csv", _MAGNITUDES, self._magnitude_rows())
        write_with(folder / "catalogue.xml", lambda path: quakeml(self).write(str(path), format="QUAKEML"))
        if len(self):
            for name, text in (("catalogue.hyp", nonlinloc(self)), ("catalogue.pha", hypodd(self))):
                write_with(folder / name, lambda path, text=text: path.write_text(text, encoding="utf-8"))
        if self.relative is not None:
            write_csv(folder / "relative.csv", _RELATIVE, self._relative_rows(self.relative))
        draw_all(self, folder, pages)
        write_json(folder / "summary.json", self.summary())

    def distance_km(self) -> np.ndarray:
        """Return the epicentral distance of each pick (picks,), NaN for those of no event."""
        found = self.located.associated
        rows = np.flatnonzero(found.event >= 0)
        away = found.tables.station_km[found.station[rows], :2] - self.located.place_km[found.event[rows], :2]
        made = np.full(len(found.picks), np.nan)
        made[rows] = np.hypot(*away.T)
        return made

    def _event_rows(self) -> list[list[Any]]:
        longitude, latitude = self.degrees()
        at = self.located
        return [
            [e + 1, _text(at.origin_s[e]), f"{latitude[e]:.5f}", f"{longitude[e]:.5f}", f"{at.place_km[e, 2]:.3f}",
             _number(self.magnitude[e]), self.magnitudes.kind if np.isfinite(self.magnitude[e]) else "",
             _number(self.magnitudes.sd[e]), self.magnitudes.stations[e],
             *map(_number, (at.origin_sd_s[e], *at.sd_km[e], *at.ellipse[e], at.rms_s[e], at.gap_deg[e],
                            at.nearest_km[e])),
             *at.counts[e].tolist(), _number(at.associated.log_odds[e])]
            for e in range(len(self))
        ]  # fmt: skip

    def _pick_rows(self) -> list[list[Any]]:
        found, distance = self.located.associated, self.distance_km()
        picks = found.picks
        order = np.lexsort((picks.time_s, found.event))
        return [
            [found.event[i] + 1, found.stations.codes[found.station[i]], picks.phase[i], _text(picks.time_s[i]),
             _number(self.located.residual_s[i]), _number(distance[i]), _number(picks.probability[i]),
             _number(picks.amplitude[i])]
            for i in order if found.event[i] >= 0
        ]  # fmt: skip

    def _relative_rows(self, moved: Relative) -> list[list[Any]]:
        longitude, latitude = self.located.associated.projection.inverse(*moved.place_km[:, :2].T)
        return [
            [e + 1, _text(moved.origin_s[e]), f"{latitude[e]:.6f}", f"{longitude[e]:.6f}",
             f"{moved.place_km[e, 2]:.4f}", _number(self.magnitude[e]), *map(_number, moved.sd_km[e]),
             moved.group[e] + 1]
            for e in np.flatnonzero(moved.group >= 0)
        ]  # fmt: skip

    def _magnitude_rows(self) -> list[list[Any]]:
        single, codes = self.magnitudes.single, self.located.associated.stations.codes
        return [
            [single.event[i] + 1, codes[single.station[i]], single.label[i], _number(single.value[i]),
             _number(single.value[i] - self.magnitude[single.event[i]]), _number(single.term[i]),
             _number(single.amplitude[i]), self.magnitudes.unit, _number(single.snr[i]),
             _number(single.distance_km[i]), _text(single.time_s[i])]
            for i in np.lexsort((single.station, single.event))
        ]  # fmt: skip


def make_catalogue(
    what: str | os.PathLike | Sequence[str | os.PathLike],
    stations: str | os.PathLike,
    velocity_model: str | os.PathLike,
    *,
    out: str | os.PathLike = "catalogue",
    waveforms: str | os.PathLike | Sequence[str | os.PathLike] | None = None,
    inventory: str | os.PathLike | None = None,
    linear: bool = False,
    vp_vs: float | None = None,
    associated: bool = False,
    relative: bool = False,
    settings: Mapping[str, Any] | None = None,
    picker: Mapping[str, Any] | None = None,
) -> EventCatalogue:
    """Pick waveforms, or take picks; associate them, locate the events, and give them magnitudes.

    >>> from zoo.seismograms.archives.network import write_network
    >>> from zoo.seismograms.physics.networks import NetworkModel, draw_network
    >>> small = NetworkModel(stations=6, hours=0.1, events=1, magnitude=(3, 3), half_width_km=15)
    >>> _ = write_network(draw_network(small, seed=1), "network")  # SYNTHETIC
    >>> made = make_catalogue("network/waveforms", "network/stations.xml", "network/layers.csv", out="made")
    >>> len(made), made.magnitudes.kind
    (1, 'ML')
    >>> made.write("made")

    Args:
        what: a file that `zoo.field.picks.read_picks` reads, or the folder of `zoo annotate`; or waveforms: files,
            folders (SDS trees too) and wildcards, which a picker picks first.
        stations: a file that `zoo.field.stations.read_stations` reads.
        velocity_model: layers or a grid, see `zoo.field.grid_files.read_earth`.
        out: folder below which the picker keeps its results, in `picks`; the same call goes on where it was stopped.
        waveforms: those that picks were made from, for local magnitudes and for pages of events.
        inventory: StationXML with responses, for local magnitudes; None: `stations`, if that is one.
        linear: speeds change in straight lines between the depths of the table, instead of by steps.
        vp_vs: ratio of speeds where the table has only one.
        associated: the events that picks belong to in their file are kept, and only located.
        relative: events are also relocated relative to their neighbours (`relative.csv`, `relative.png`).
        settings: those of `zoo.seismograms.association.settings` (`ASSOCIATION`, `LOCATION` and `MAGNITUDE`) that
            differ, by name; what has the same name in several is the same.
        picker: `model`, `threshold` and options of `zoo.seismograms.annotate_archive`, where waveforms are picked.

    Returns:
        The catalogue, which `write` writes into a folder. It may hold no event; its notes say what was left out.
        Magnitudes are local where there are waveforms and responses, else relative.

    Raises:
        ZooError: a file cannot be used.
        UsageError: there is no such setting.
    """
    given = read("zoo catalogue", {**MAGNITUDE, **LOCATION, **ASSOCIATION}, settings or {})

    def chosen(of: Mapping[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in given.items() if key in of}

    earth, responses = read_earth(velocity_model, vp_vs, linear), responses_of(inventory, stations)
    what = [what] if isinstance(what, str | os.PathLike) else list(what)
    if holds_picks(what):
        if picker:
            raise UsageError(f"{what[0]} holds picks: {', '.join(picker)} would pick waveforms. Leave it out.")
        picks, records = read_picks(what[0]), Waveforms(waveforms) if waveforms else None
        network = read_stations(stations, picks)
    else:
        if waveforms:
            raise UsageError("Waveforms are picked already: `waveforms` goes with picks. Leave it out.")
        if associated:
            raise UsageError("Waveforms have no events yet: `associated` goes with picks. Leave it out.")
        records, network = Waveforms(what, Path(out) / "picks" / "index.jsonl"), read_stations(stations)
        known, of_stations = recorded(network, records)
        picks = pick_archive(what, Path(out) / "picks", **{"inventory": responses, "stations": known, **(picker or {})})
        picks = replace(picks, notes=(*of_stations, *picks.notes))
    if not len(picks):
        picks = replace(picks, notes=(*picks.notes, "there is no pick of P or S, so there is no event"))
    with bar(f"Associating {len(picks)} picks", 1):
        found = (keep_events if associated else associate)(picks, network, earth, chosen(ASSOCIATION))
    with bar("Locating events", 1):
        located = locate(found, chosen(LOCATION))
    if records is None or responses is None:
        magnitudes = magnitudes_of_picks(located, chosen(MAGNITUDE))
        if magnitudes.kind != "ML":
            why = "without waveforms" if records is None else "without responses (StationXML)"
            magnitudes = replace(magnitudes, notes=(*magnitudes.notes, f"{why} there are no local magnitudes"))
    else:
        magnitudes = local_magnitudes(located, records, responses, chosen(MAGNITUDE))
    left = int((located.associated.event < 0).sum())
    notes = [*located.notes, *doubts(located, associated), *magnitudes.notes, *(records.notes if records else ())]
    notes.append(f"{left} picks belong to no event")
    moved = relocate(located) if relative else None
    return EventCatalogue(located, magnitudes, tuple(dict.fromkeys(notes)), records, moved)


def _text(time_s: float) -> str:
    return str(np.datetime64(round(time_s * 1e3), "ms")) + "Z"


def _number(value: float) -> str:
    return "" if not np.isfinite(value) else f"{value:.5g}"
