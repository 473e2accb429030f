"""From anybody's picks to a catalogue: the whole way, and the files of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zoo.field.grid_files import read_earth
from zoo.field.picks import read_picks
from zoo.field.stations import read_stations
from zoo.files import write_csv, write_json, write_with
from zoo.seismograms.association.associate import associate
from zoo.seismograms.association.doubts import doubts
from zoo.seismograms.association.known import keep_events
from zoo.seismograms.association.locate import Located, locate
from zoo.seismograms.association.magnitude import relative_magnitudes
from zoo.seismograms.association.settings import ASSOCIATION, LOCATION
from zoo.settings import read

_EVENTS = (
    "event", "time", "latitude_deg", "longitude_deg", "depth_km", "magnitude", "magnitude_sd", "time_sd_s",
    "east_sd_km", "north_sd_km", "depth_sd_km", "ellipse_major_km", "ellipse_minor_km", "ellipse_azimuth_deg",
    "rms_s", "gap_deg", "nearest_station_km", "p_picks", "s_picks", "stations", "log_odds",
)  # fmt: skip
_PICKS = "event", "station", "phase", "time", "residual_s", "distance_km", "probability", "amplitude"


@dataclass(frozen=True)
class EventCatalogue:
    """Located events with their magnitudes, and how to write them."""

    located: Located
    magnitude: np.ndarray
    """(events,) relative, NaN where there is none"""
    magnitude_sd: np.ndarray
    notes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.located)

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
        return made | {"settings": {**found.settings, **self.located.settings}, "notes": list(self.notes)}

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
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])

    def write(self, folder: str | os.PathLike) -> None:
        """Write events.csv, picks.csv, catalogue.xml (QuakeML), summary.json; where there are events also catalogue.hyp
        (NonLinLoc), catalogue.pha (hypoDD), map.png and residuals.png."""
        from zoo.figures import save_figure
        from zoo.seismograms.association.exchange import hypodd, nonlinloc
        from zoo.seismograms.association.quakeml import quakeml
        from zoo.seismograms.figures.catalogue import map_figure, residual_figure

        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        write_csv(folder / "events.csv", _EVENTS, self._event_rows())
        write_csv(folder / "picks.csv", _PICKS, self._pick_rows())
        write_with(folder / "catalogue.xml", lambda path: quakeml(self).write(str(path), format="QUAKEML"))
        if len(self):
            for name, text in (("catalogue.hyp", nonlinloc(self)), ("catalogue.pha", hypodd(self))):
                write_with(folder / name, lambda path, text=text: path.write_text(text, encoding="utf-8"))
            save_figure(map_figure(self), folder / "map.png")
            save_figure(residual_figure(self), folder / "residuals.png")
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
             *map(_number, (self.magnitude[e], self.magnitude_sd[e], at.origin_sd_s[e], *at.sd_km[e], *at.ellipse[e],
                            at.rms_s[e], at.gap_deg[e], at.nearest_km[e])),
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


def make_catalogue(
    picks: str | os.PathLike,
    stations: str | os.PathLike,
    velocity_model: str | os.PathLike,
    *,
    linear: bool = False,
    vp_vs: float | None = None,
    associated: bool = False,
    settings: Mapping[str, Any] | None = None,
) -> EventCatalogue:
    """Associate picks, locate the events, and give them relative magnitudes.

    Args:
        picks: a file that `zoo.field.picks.read_picks` reads, or the folder of `zoo annotate`.
        stations: a file that `zoo.field.stations.read_stations` reads.
        velocity_model: layers or a grid, see `zoo.field.grid_files.read_earth`.
        linear: speeds change in straight lines between the depths of the table, instead of by steps.
        vp_vs: ratio of speeds where the table has only one.
        associated: the events that picks belong to in their file are kept, and only located.
        settings: those of `zoo.seismograms.association.settings.ASSOCIATION` and `LOCATION` that differ, by name; what
            has the same name in both is the same.

    Returns:
        The catalogue, which `write` writes into a folder. It may hold no event; its notes say what was left out.

    Raises:
        ZooError: a file cannot be used.
        UsageError: there is no such setting.
    """
    given = read("zoo catalogue", {**LOCATION, **ASSOCIATION}, settings or {})
    table = read_picks(picks)
    found = (keep_events if associated else associate)(
        table,
        read_stations(stations, table),
        read_earth(velocity_model, vp_vs, linear),
        {key: value for key, value in given.items() if key in ASSOCIATION},
    )
    located = locate(found, {key: value for key, value in given.items() if key in LOCATION})
    magnitude, sd, notes = relative_magnitudes(located)
    left = int((found.event < 0).sum())
    return EventCatalogue(
        located,
        magnitude,
        sd,
        (*located.notes, *doubts(located, associated), *notes, f"{left} picks belong to no event"),
    )


def _text(time_s: float) -> str:
    return str(np.datetime64(round(time_s * 1e3), "ms")) + "Z"


def _number(value: float) -> str:
    return "" if not np.isfinite(value) else f"{value:.5g}"
