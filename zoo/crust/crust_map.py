"""Maps of crustal thickness: what an inversion found, how it compares with a reference, and the files it writes."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from zoo.crust.maps import ThicknessMap, regular_grid
from zoo.errors import ZooError
from zoo.files import write_json, write_with

# Bits of a point's flag; 0 is "ok". A point without an answer has "no_data".
FLAGS = {"missing_periods": 1, "out_of_distribution": 2, "at_prior_edge": 4, "no_data": 8}


@dataclass(frozen=True)
class Comparison:
    """A reference map of crustal thickness beside the inverted one.

    Attributes:
        name: the reference's name.
        reference_km: (n,), thickness at the map's points; NaN outside the reference.
        scores: points, rms_km and correlation (G and H of table 1), bias_km (inverted minus reference), inside_68 and
            inside_95 (share of reference values inside the intervals), z_mean and z_sd of (inverted - reference) / sd.
    """

    name: str
    reference_km: np.ndarray
    scores: Mapping[str, float]

    def report(self) -> str:
        """Return the comparison in two lines of text."""
        s = self.scores
        return (
            f"against {self.name}, {s['points']} points: RMS {s['rms_km']:.2f} km, correlation {s['correlation']:.2f}, "
            f"bias {s['bias_km']:+.2f} km\n"
            f"  {self.name} is inside our 68 % interval at {100 * s['inside_68']:.0f} % of the points, inside 95 % at "
            f"{100 * s['inside_95']:.0f} %; difference over sd: mean {s['z_mean']:+.2f}, sd {s['z_sd']:.2f}"
        )


@dataclass(frozen=True)
class CrustMap:
    """Crustal thickness at the points of a map of phase velocity. NaN where a point has no data.

    Attributes:
        longitude_deg, latitude_deg: (n,).
        thickness_km, sd_km: (n,), mean and standard deviation of the posterior.
        lower_68_km, upper_68_km, lower_95_km, upper_95_km: (n,), central credible intervals.
        unfamiliarity: (n,), distance of the curve from the training curves; beyond 1 it is unlike 99.9 % of them.
        relative_error: (n,), equation 4: error of the band-averaged phase velocity of PREM with this thickness.
        flag: (n,) int8, sum of `FLAGS`.
        missing_periods: (n,) int, how many of the model's frequencies the point lacks.
        frequency_hz, phase_velocity_km_s: (F,), (n, F), what the model was given.
        interpolated: (F,) bool, frequencies at which the map was interpolated between its own periods.
        mean_relative_error: mean of equation 4 over the points that have all of these thicknesses: "inverted",
            "constant" (this map's mean everywhere), and the reference.
        moho_range_km: (2,), range of the model's prior.
        training_mean_km_s, training_sd_km_s: (F,), statistics of the noise-free curves that the model was trained on.
        model, source: names of the model and of the map.
        depth_km, vs_km_s: (D,), (n, D), shear velocity in km/s, where the model gives it; vs_lower_68_km_s and
            vs_upper_68_km_s (n, D) are the ends of its central 68 % interval.
        comparison: the comparison with a reference, if there is one.
        notes, warnings: sentences for the report.
    """

    longitude_deg: np.ndarray
    latitude_deg: np.ndarray
    thickness_km: np.ndarray
    sd_km: np.ndarray
    lower_68_km: np.ndarray
    upper_68_km: np.ndarray
    lower_95_km: np.ndarray
    upper_95_km: np.ndarray
    unfamiliarity: np.ndarray
    relative_error: np.ndarray
    flag: np.ndarray
    missing_periods: np.ndarray
    frequency_hz: np.ndarray
    phase_velocity_km_s: np.ndarray
    interpolated: np.ndarray
    mean_relative_error: Mapping[str, float]
    moho_range_km: np.ndarray
    training_mean_km_s: np.ndarray
    training_sd_km_s: np.ndarray
    model: str
    source: str
    depth_km: np.ndarray | None = None
    vs_km_s: np.ndarray | None = None
    vs_lower_68_km_s: np.ndarray | None = None
    vs_upper_68_km_s: np.ndarray | None = None
    comparison: Comparison | None = None
    notes: tuple[str, ...] = field(default=())
    warnings: tuple[str, ...] = field(default=())

    @cached_property
    def grid(self) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
        """Longitudes, latitudes (ascending) and each point's place in the flattened grid; None for scattered points."""
        return regular_grid(self.longitude_deg, self.latitude_deg)

    def on_grid(self, values: np.ndarray) -> np.ndarray:
        """Return values (n, ...) on the grid, (latitudes, longitudes, ...); between points NaN, or the no-data flag."""
        longitude, latitude, place = self.grid
        fill = np.nan if values.dtype.kind == "f" else FLAGS["no_data"]
        out = np.full((len(latitude) * len(longitude), *values.shape[1:]), fill, values.dtype)
        out[place] = values
        return out.reshape(len(latitude), len(longitude), *values.shape[1:])

    @property
    def average_phase_velocity_km_s(self) -> np.ndarray:
        """(n,), mean over the frequencies that a point has; NaN without data."""
        return masked_mean(self.phase_velocity_km_s, np.isfinite(self.phase_velocity_km_s))

    def counts(self) -> dict[str, int]:
        """Return how many points bear each flag, "ok" first (a point may bear several)."""
        return {"ok": int(np.sum(self.flag == 0))} | {
            name: int(np.sum(self.flag & bit > 0)) for name, bit in FLAGS.items()
        }

    def summary(self) -> dict[str, Any]:
        """Return what `summary.json` holds."""
        periods = 1 / self.frequency_hz
        result: dict[str, Any] = {
            "model": self.model,
            "source": self.source,
            "points": len(self.thickness_km),
            "regular_grid": None if self.grid is None else [len(self.grid[1]), len(self.grid[0])],
            "period_s": [periods.min(), periods.max()],
            "frequencies": len(self.frequency_hz),
            "interpolated_frequencies": int(self.interpolated.sum()),
            "crustal_thickness_km": _statistics(self.thickness_km),
            "standard_deviation_km": _statistics(self.sd_km),
            "flags": self.counts(),
            "relative_error": dict(self.mean_relative_error),
            "notes": self.notes,
            "warnings": self.warnings,
        }
        if self.comparison is not None:
            result["comparison"] = {"reference": self.comparison.name, **self.comparison.scores}
        return result

    def report(self) -> str:
        """Return a text: how thick the crust is, how sure that is, and what to doubt."""
        thickness, sd, flags = _statistics(self.thickness_km), _statistics(self.sd_km), self.counts()
        periods = 1 / self.frequency_hz
        form = "scattered" if self.grid is None else f"grid {len(self.grid[1])} x {len(self.grid[0])}"
        lines = [
            f"{len(self.thickness_km)} points ({form}) at {len(periods)} periods of {periods.min():.3g} to "
            f"{periods.max():.3g} s, model {self.model}",
            f"crustal thickness {thickness['mean']:.1f} km on average, {thickness['min']:.1f} to "
            f"{thickness['max']:.1f}; standard deviation {sd['mean']:.1f} km ({sd['min']:.1f} to {sd['max']:.1f})",
            "flags: " + ", ".join(f"{count} {name}" for name, count in flags.items() if count or name == "ok"),
        ]
        if self.mean_relative_error:
            lines.append(
                "relative error of the average phase velocity (eq. 4), PREM with the thickness "
                + ", ".join(f"{name}: {100 * value:.2f} %" for name, value in self.mean_relative_error.items())
                + " (not a test of the thickness: the Earth here differs from PREM in other ways too)"
            )
        if self.comparison is not None:
            lines.append(self.comparison.report())
        lines += [f"note: {note}" for note in self.notes]
        lines += [f"warning: {warning}" for warning in self.warnings]
        return "\n".join(lines)

    def write(self, folder: str | os.PathLike) -> Path:
        """Write thickness.nc, thickness.csv, figures and summary.json to a folder; return the folder."""
        from zoo.crust.figures import draw_all

        folder = Path(folder)
        write_with(folder / "thickness.nc", self._write_netcdf)
        write_with(folder / "thickness.csv", self._write_csv)
        draw_all(self, folder)
        # Last: a folder with a summary is complete.
        write_json(folder / "summary.json", self.summary())
        return folder

    def _columns(self) -> dict[str, tuple[np.ndarray, str, str]]:
        """Return name -> values (n,), unit, meaning: columns of the table and variables of the NetCDF file."""
        columns = {
            "crustal_thickness_km": (self.thickness_km, "km", "crustal thickness, mean of the posterior"),
            "standard_deviation_km": (self.sd_km, "km", "standard deviation of the posterior of crustal thickness"),
            "lower_68_km": (self.lower_68_km, "km", "lower end of the central 68 % credible interval"),
            "upper_68_km": (self.upper_68_km, "km", "upper end of the central 68 % credible interval"),
            "lower_95_km": (self.lower_95_km, "km", "lower end of the central 95 % credible interval"),
            "upper_95_km": (self.upper_95_km, "km", "upper end of the central 95 % credible interval"),
            "relative_error": (self.relative_error, "1", "relative error of the average phase velocity (eq. 4)"),
            "average_phase_velocity_km_s": (self.average_phase_velocity_km_s, "km s-1", "observed, over the band"),
            "unfamiliarity": (self.unfamiliarity, "1", "distance from the training curves; > 1: out of distribution"),
        }
        if self.comparison is not None:
            meaning = f"crustal thickness of {self.comparison.name}"
            columns["reference_thickness_km"] = (self.comparison.reference_km, "km", meaning)
        return columns

    def _write_csv(self, path: Path) -> None:
        columns = {"longitude_deg": self.longitude_deg, "latitude_deg": self.latitude_deg}
        columns |= {name: values for name, (values, _, _) in self._columns().items()}
        text = [[f"{value:.6g}" if np.isfinite(value) else "" for value in values] for values in columns.values()]
        text.append([str(count) for count in self.missing_periods])
        text.append([_flag_text(flag) for flag in self.flag])
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow([*columns, "missing_periods", "flag"])
            writer.writerows(zip(*text, strict=True))

    def _write_netcdf(self, path: Path) -> None:
        """Write NetCDF-4 with h5py: HDF5 with dimension scales and the attributes of the CF conventions."""
        import h5py

        with h5py.File(path, "w", track_order=True) as file:
            file.attrs.update(
                Conventions=np.bytes_("CF-1.11"),
                title=np.bytes_("Crustal thickness from Rayleigh phase velocities"),
                source=np.bytes_(f"model {self.model}, map {self.source}"),
                references=np.bytes_("Cheng, Liu, Li and Liu (2019): crustal thickness by deep neural networks"),
                comment=np.bytes_(" ".join((*self.notes, *self.warnings)) or "none"),
            )

            def add(name: str, values: np.ndarray, dimensions: tuple[str, ...], **attributes: Any) -> Any:
                made = file.create_dataset(name, data=values, track_order=True)
                if values.dtype.kind == "f" and name not in ("latitude", "longitude", "depth"):
                    made.attrs["_FillValue"] = np.array([np.nan], values.dtype)
                for key, value in attributes.items():
                    made.attrs[key] = np.bytes_(value) if isinstance(value, str) else value
                if name in dimensions:
                    made.make_scale(name)
                else:
                    for axis, dimension in enumerate(dimensions):
                        made.dims[axis].attach_scale(file[dimension])
                return made

            east = {"standard_name": "longitude", "long_name": "longitude", "units": "degrees_east"}
            north = {"standard_name": "latitude", "long_name": "latitude", "units": "degrees_north"}
            if self.grid is not None:
                shape: tuple[str, ...] = ("latitude", "longitude")
                add("latitude", self.grid[1], ("latitude",), axis="Y", **north)
                add("longitude", self.grid[0], ("longitude",), axis="X", **east)
                arrange, where = self.on_grid, {}
            else:
                shape = ("point",)
                add("point", np.arange(len(self.flag), dtype=np.int32), ("point",), long_name="number of the point")
                add("latitude", self.latitude_deg, shape, **north)
                add("longitude", self.longitude_deg, shape, **east)
                arrange, where = np.asarray, {"coordinates": "latitude longitude"}
            for name, (values, unit, meaning) in self._columns().items():
                values = arrange(np.asarray(values, np.float32))
                add(name, values, shape, units=unit, long_name=meaning, **where)
            missing = arrange(self.missing_periods.astype(np.float32))
            add("missing_periods", missing, shape, units="1", long_name="model frequencies without data", **where)
            add(
                "flag",
                arrange(self.flag),
                shape,
                long_name="reasons for doubt; 0 is ok",
                standard_name="quality_flag",
                flag_masks=np.array(list(FLAGS.values()), np.int8),
                flag_meanings=" ".join(FLAGS),
                **where,
            )
            if self.vs_km_s is not None:
                add("depth", np.asarray(self.depth_km, np.float32), ("depth",), units="km", positive="down", axis="Z")
                values = np.moveaxis(arrange(np.asarray(self.vs_km_s, np.float32)), -1, 0)
                add("vs_mean_km_s", values, ("depth", *shape), units="km s-1", long_name="shear velocity", **where)
            for end in ("lower", "upper"):
                values = getattr(self, f"vs_{end}_68_km_s")
                if values is not None:
                    values = np.moveaxis(arrange(np.asarray(values, np.float32)), -1, 0)
                    meaning = f"{end} end of the central 68 % credible interval of the shear velocity"
                    name = f"vs_{end}_68_km_s"
                    add(name, values, ("depth", *shape), units="km s-1", long_name=meaning, **where)


def compare(columns: Mapping[str, np.ndarray], reference: ThicknessMap, points: Any, name: str) -> Comparison:
    """Compare inverted thickness with a reference at the same points.

    Args:
        columns: thickness_km, sd_km and the ends of the intervals, as in `CrustMap`, (n,) each.
        reference: the other map.
        points: an object with longitude_deg and latitude_deg (n,).
        name: what to call the reference.

    Raises:
        ZooError: if they have fewer than two points in common.
    """
    known = np.asarray(reference.at(points.longitude_deg, points.latitude_deg), np.float64)
    both = np.isfinite(known) & np.isfinite(columns["thickness_km"])
    if both.sum() < 2:
        raise ZooError(
            f"{name} covers {both.sum()} of the map's points. Compare with a model of the same region (longitude and "
            "latitude in degrees)."
        )
    inverted, truth = columns["thickness_km"][both], known[both]
    difference = inverted - truth
    z = difference / columns["sd_km"][both]
    inside = {}
    for level in (68, 95):
        low, high = (columns[f"{end}_{level}_km"][both] for end in ("lower", "upper"))
        inside[level] = float(np.mean((low <= truth) & (truth <= high)))
    varied = inverted.std() > 0 and truth.std() > 0
    scores = {
        "points": int(both.sum()),
        "rms_km": float(np.sqrt(np.mean(difference**2))),
        "correlation": float(np.corrcoef(inverted, truth)[0, 1]) if varied else None,
        "bias_km": float(difference.mean()),
        "inside_68": inside[68],
        "inside_95": inside[95],
        "z_mean": float(z.mean()),
        "z_sd": float(z.std()),
    }
    return Comparison(name, known, scores)


def masked_mean(values: np.ndarray, present: np.ndarray) -> np.ndarray:
    """Return the mean (n,) of the values (n, F) that are present; NaN where none is.

    >>> masked_mean(np.array([[3.0, 4.0, 9.0]]), np.array([[True, True, False]]))
    array([3.5])
    """
    count = present.sum(axis=1)
    with np.errstate(invalid="ignore"):
        return np.where(count > 0, np.where(present, values, 0).sum(axis=1) / np.maximum(count, 1), np.nan)


def _statistics(values: np.ndarray) -> dict[str, float]:
    return {"mean": float(np.nanmean(values)), "min": float(np.nanmin(values)), "max": float(np.nanmax(values))}


def _flag_text(flag: int) -> str:
    return "+".join(name for name, bit in FLAGS.items() if flag & bit) or "ok"
