"""How thick is the crust, and how sure is that? Maps of Rayleigh phase velocity to maps of crustal thickness.

    velocities = read_map("periods.csv")
    crust = invert(velocities, "mdn_crust")
    print(crust.report())
    crust.write("crust")

As in Cheng et al. (2019), a network trained on the dispersion curves of synthetic Earths gives the thickness at each
point at once. Unlike there, it comes with its posterior, and with flags where a curve is unlike those of the training.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo import registry
from zoo.crust.crust_map import FLAGS, CrustMap, compare, masked_mean
from zoo.crust.curve_files import read_curve
from zoo.crust.maps import DispersionMap, ThicknessMap, in_one_piece, read_dispersion_map, read_thickness_map
from zoo.crust.periods import LEAST_PRESENT, match_periods, misfit
from zoo.crust.tables import PLACE_DECIMALS
from zoo.errors import ZooError, did_you_mean

if TYPE_CHECKING:
    from zoo.crust.points import KnownPoints
    from zoo.crust.profiles import CurveAnswer

# A posterior is at an edge of the prior's range when more than this share of it lies in the range's outermost part.
_EDGE_PART, _EDGE_SHARE = 0.05, 0.25
# The report warns where more than these parts of the points are out of distribution, or at an edge of the prior.
_MANY_STRANGE, _MANY_AT_EDGE = 0.5, 0.2
_CHUNK = 8192  # points that a model is given at once
_TABLE_MOHOS = 41  # thicknesses at which the curves of a stretched PREM are tabulated
_LEVELS = {"lower_68_km": 0.16, "upper_68_km": 0.84, "lower_95_km": 0.025, "upper_95_km": 0.975}


def read_map(
    name_or_path: str | os.PathLike,
    data_dir: str | os.PathLike | None = None,
    *,
    kind: str | None = None,
    order: str = "",
) -> DispersionMap:
    """Return a map of surface-wave velocities, or curves without a place, from a file, a folder or a prepared dataset.

    Args:
        name_or_path: a table, folder, .npz or netCDF file as `zoo.crust.maps.read_dispersion_map` reads it, a file of
            single curves as `zoo.crust.curve_files.read_curve` reads it, or the name of a prepared dataset of
            `phase_velocity_maps`.
        data_dir: where datasets lie; None: the usual place.
        kind: of waves, where the file does not say it or says it wrongly (`zoo.crust.models.wave_network.KINDS`).
        order: "lon-lat" or "lat-lon", where a file without a header could be either.

    Returns:
        The map, velocities in km/s.

    Raises:
        ZooError: if there is no such file or dataset, or it cannot be read.
    """
    path = Path(name_or_path).expanduser()
    if path.exists():
        return read_curve(path, kind) or read_dispersion_map(path, kind, order)
    records, about = _dataset("phase_velocity_maps", str(name_or_path), data_dir)
    sd = records["sd_km_s"]
    places = (np.round(records[key].astype(np.float64), PLACE_DECIMALS) for key in ("longitude_deg", "latitude_deg"))
    period_s = np.array(about["period_s"], np.float64)
    return DispersionMap(
        *places, period_s, records["phase_velocity_km_s"], sd if np.isfinite(sd).any() else None, str(about["source"])
    )


def read_reference(name_or_path: str | os.PathLike, data_dir: str | os.PathLike | None = None) -> ThicknessMap:
    """Return a map of crustal thickness from a file or a prepared dataset.

    Args:
        name_or_path: a file as `zoo.crust.maps.read_thickness_map` reads it, or the name of a prepared dataset of
            `crust_models`, such as `crust1`.
        data_dir: where datasets lie; None: the usual place.

    Returns:
        The map, thickness in km.

    Raises:
        ZooError: if there is no such file or dataset, or it cannot be read.
    """
    path = Path(name_or_path).expanduser()
    if path.exists():
        return read_thickness_map(path)
    records, about = _dataset("crust_models", str(name_or_path), data_dir)
    places = (np.round(records[key].astype(np.float64), PLACE_DECIMALS) for key in ("longitude_deg", "latitude_deg"))
    return ThicknessMap(*places, records["thickness_km"].astype(np.float64), str(about["source"]))


def invert(
    velocities: DispersionMap,
    model: Any = "surface_waves",
    *,
    noise_relative: float | None = None,
    noise_correlation: float = 0.0,
    prior: ThicknessMap | None = None,
    smoothness_km: float | None = None,
    points: KnownPoints | None = None,
    reference: ThicknessMap | None = None,
    reference_name: str = "reference",
) -> CrustMap | CurveAnswer:
    """Invert each point's dispersion curve for crustal thickness and, with most models, shear velocity.

    Args:
        velocities: of the fundamental mode: of Rayleigh and Love waves, phase and group, for `surface_waves`, which
            takes any periods of 4 to 150 s; Rayleigh phase velocities at their own periods for the networks of Cheng et
            al. (2019).
        model: a crust model or its name (`zoo list '*crust*'`).
        noise_relative: standard deviation of the velocities over the velocities, where the map has no error bars.
            None: the model's default.
        noise_correlation: of the errors at a distance of 0.1 in ln(period), for surface_waves; 0: white.
        prior: a thickness whose values around the map, the map's own region left out, are the prior, for surface_waves;
            None: every thickness of the model's range is as likely.
        smoothness_km: the thickness is a Gaussian field of this length, for surface_waves; None: every point is alone.
        points: thickness that is known at points (`zoo.crust.points.read_points`), data of the field that smoothness_km
            makes of the thickness; it takes that.
        reference: a known thickness to compare with.
        reference_name: what to call it.

    Returns:
        The thickness at each point with its posterior, flags, and equation 4 of Cheng et al. (2019). For curves without
        a place, a `zoo.crust.profiles.CurveAnswer`.

    Raises:
        ZooError: if the map's periods do not fit the model (the message says how to make one that does), or the map
            cannot be used.
    """
    model, name = registry.model_for(model, "crust.thickness")
    if noise_relative is not None and not 0 < noise_relative < 1:
        raise ZooError(f"The relative noise is {noise_relative:g}; expected a number like 0.01, for 1 %.")
    if points is not None and smoothness_km is None:
        raise ZooError("Known points say something about a map only if its thickness is smooth: give --smoothness KM.")
    if hasattr(model, "bank_size"):
        from zoo.crust import wave_maps

        chosen = {"noise_relative": noise_relative, "correlation": noise_correlation}
        if not np.isfinite(velocities.longitude_deg).all():
            return wave_maps.answer_curves(velocities, model, name, **chosen)
        return wave_maps.invert_map(
            velocities, model, name, **chosen, prior=prior, smoothness_km=smoothness_km, points=points,
            reference=reference, reference_name=reference_name,
        )  # fmt: skip
    if noise_correlation or prior is not None or smoothness_km is not None:
        raise ZooError(f"{name} takes no correlated noise, prior or smoothness; surface_waves does.")
    if not np.isfinite(velocities.phase_velocity_km_s).any():
        raise ZooError(
            f"{velocities.source} holds {', '.join(velocities.others)}, and {name} takes Rayleigh phase velocities. "
            "Use --model surface_waves; if the names are wrong, say the kind: --kind rayleigh_phase."
        )
    if not np.isfinite(velocities.longitude_deg).all():
        raise ZooError(f"{velocities.source} has no coordinates, which {name} needs; surface_waves does not.")
    frequency_hz = np.asarray(model.frequency_hz, np.float64)
    velocity, sd, interpolated = match_periods(velocities, frequency_hz)
    present = np.isfinite(velocity)
    usable = present.mean(axis=1) >= LEAST_PRESENT
    if not usable.any():
        raise ZooError(misfit(velocities, frequency_hz, present, name, model))
    sd = _filled(sd, velocity, noise_relative, float(model.noise_relative))
    takes_errors = getattr(model, "uses_error_bars", True)

    columns = _posteriors(model, velocity, sd if takes_errors else None, usable)
    answered = np.isfinite(columns["thickness_km"])
    if not answered.any():
        raise ZooError(
            f"The model {name} takes no curve with a missing period, and every point of the map lacks one of its "
            f"{len(frequency_hz)}. Use mdn_crust, which does."
        )
    flag = _flags(columns["unfamiliarity"], columns.pop("edge_share"), answered, present)
    range_km = np.asarray(model.moho_range_km, np.float64)
    thickness = columns["thickness_km"]
    error = relative_error(thickness, velocity, frequency_hz, range_km)
    constant = np.full_like(thickness, np.nanmean(thickness))
    errors = {"inverted": error, "constant": relative_error(constant, velocity, frequency_hz, range_km)}
    comparison = None
    if reference is not None:
        comparison = compare(columns, reference, velocities, reference_name)
        known = relative_error(comparison.reference_km, velocity, frequency_hz, range_km)
        if (np.isfinite(known) & answered).any():  # none if the reference is outside the prior's range everywhere
            errors[reference_name] = known
    common = np.all([np.isfinite(values) for values in errors.values()], axis=0)
    mean_errors = {key: float(values[common].mean()) for key, values in errors.items()}
    notes, warnings = _remarks(flag, interpolated, velocities, noise_relative, model)
    training = model.network.features
    return CrustMap(
        longitude_deg=in_one_piece(velocities.longitude_deg),
        latitude_deg=np.asarray(velocities.latitude_deg, np.float64),
        **columns,
        relative_error=error,
        flag=flag,
        missing_periods=np.sum(~present, axis=1),
        frequency_hz=frequency_hz,
        phase_velocity_km_s=velocity,
        interpolated=interpolated,
        mean_relative_error=mean_errors,
        moho_range_km=range_km,
        training_mean_km_s=np.asarray(training.mean, np.float64),
        training_sd_km_s=np.sqrt(np.diag(np.asarray(training.covariance, np.float64))),
        model=name,
        source=str(velocities.source),
        depth_km=None if columns.get("vs_km_s") is None else np.asarray(model.depth_km, np.float64),
        comparison=comparison,
        notes=notes,
        warnings=warnings,
    )


def _filled(
    sd: np.ndarray | None, velocity: np.ndarray, noise_relative: float | None, default: float
) -> np.ndarray | None:
    """Return a map's error bars (n, F) in km/s with missing ones filled; None: the model takes its default for all."""
    if sd is None:
        if noise_relative is None:
            return None
        sd = noise_relative * velocity
    return np.where(np.isfinite(sd) & (sd > 0), sd, (noise_relative or default) * velocity).astype(np.float32)


def _flags(unfamiliarity: np.ndarray, edge_share: np.ndarray, answered: np.ndarray, present: np.ndarray) -> np.ndarray:
    """Return each point's flag (n,) int8, a sum of `FLAGS`; present (n, F) says which velocities there are."""
    flag = np.where(present.any(axis=1) & ~present.all(axis=1), FLAGS["missing_periods"], 0)
    flag |= np.where(unfamiliarity > 1, FLAGS["out_of_distribution"], 0)
    flag |= np.where(edge_share > _EDGE_SHARE, FLAGS["at_prior_edge"], 0)
    flag |= np.where(answered, 0, FLAGS["no_data"])
    return flag.astype(np.int8)


def _posteriors(model: Any, velocity: np.ndarray, sd: np.ndarray | None, usable: np.ndarray) -> dict[str, np.ndarray]:
    """Return what is kept of the posterior of each point, by column (n,) or (n, D); NaN where not usable.

    Args:
        model: a crust model.
        velocity: (n, F), km/s, NaN where missing.
        sd: (n, F), km/s; None for a model that takes none, or for its default.
        usable: (n,), the points to be inverted.
    """
    low, high = (float(v) for v in model.moho_range_km)
    margin = _EDGE_PART * (high - low)
    rows, parts = np.flatnonzero(usable), []
    for start in range(0, len(rows), _CHUNK):
        chosen = rows[start : start + _CHUNK]
        c, error = velocity[chosen], None if sd is None else sd[chosen]
        posterior, one = model.posterior(c, error), np.ones(len(chosen))
        part = {"thickness_km": posterior.mean_km, "sd_km": posterior.sd_km}
        part |= {key: posterior.quantile_km(level) for key, level in _LEVELS.items()}
        part["unfamiliarity"] = model.unfamiliarity(c, error)
        if getattr(posterior, "vs_mean_km_s", None) is not None:
            part["vs_km_s"] = posterior.vs_mean_km_s
        part["edge_share"] = np.maximum(
            posterior.cdf((low + margin) * one), 1 - np.asarray(posterior.cdf((high - margin) * one))
        )
        parts.append(part)
    columns = {}
    for key in parts[0]:
        values = np.concatenate([np.asarray(part[key], np.float64) for part in parts])
        columns[key] = np.full((len(usable), *values.shape[1:]), np.nan)
        columns[key][rows] = values
    return columns


@lru_cache(maxsize=8)
def _stretched_prem(frequency_hz: tuple[float, ...], low_km: float, high_km: float) -> Any:
    """Return the function of a thickness (n,) that gives the curves (n, F) in km/s of PREM with its crust stretched."""
    from scipy.interpolate import PchipInterpolator

    from zoo.crust.physics.earth import prem
    from zoo.crust.physics.rayleigh import phase_velocity

    mohos = np.linspace(low_km, high_km, _TABLE_MOHOS)
    table = [phase_velocity(prem(moho_depth_km=float(moho)), np.array(frequency_hz)) for moho in mohos]
    return PchipInterpolator(mohos, np.array(table), axis=0, extrapolate=False)


def relative_error(
    thickness_km: np.ndarray, velocity: np.ndarray, frequency_hz: np.ndarray, range_km: np.ndarray
) -> np.ndarray:
    """Return equation 4, (n,): |calculated - observed| / observed, of the phase velocity averaged over the band.

    The calculated one is that of PREM with its crust stretched to the thickness; NaN without a thickness.

    Args:
        thickness_km: (n,).
        velocity: (n, F), observed, km/s.
        frequency_hz: (F,).
        range_km: lowest and highest thickness for which curves are tabulated.
    """
    table = _stretched_prem(tuple(float(f) for f in frequency_hz), *(float(v) for v in range_km))
    present = np.isfinite(velocity)
    observed = masked_mean(velocity, present)
    return np.abs(masked_mean(table(thickness_km), present) - observed) / observed


def _remarks(
    flag: np.ndarray, interpolated: np.ndarray, velocities: DispersionMap, noise_relative: float | None, model: Any
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what a report notes of the data that were used, and what it warns of."""
    notes, warnings = list(velocities.notes), []
    if interpolated.any():
        count = f"{interpolated.sum()} of {len(interpolated)}"
        notes.append(f"{count} frequencies are interpolated between the map's periods.")
    if not getattr(model, "uses_error_bars", True):
        noise = f"{100 * model.noise_relative:g} % of white noise"
        notes.append(f"The model takes no error bars: its uncertainties are for {noise}.")
    elif velocities.sd_km_s is None:
        noise = noise_relative or float(model.noise_relative)
        origin = "as asked" if noise_relative else "the model's default; --noise sets another"
        notes.append(f"The map has no error bars: {100 * noise:g} % of each velocity is assumed ({origin}).")
    elif noise_relative:
        notes.append("The map's own error bars are used, and --noise only where they are missing.")
    usable = flag & FLAGS["no_data"] == 0
    strange = np.mean(flag[usable] & FLAGS["out_of_distribution"] > 0)
    if strange > _MANY_STRANGE:
        warnings.append(
            f"{100 * strange:.0f} % of the curves are unlike any that the model was trained on. Are they phase (not "
            "group) velocities of the fundamental Rayleigh mode in km/s, and of continents?"
        )
    if np.mean(flag[usable] & FLAGS["at_prior_edge"] > 0) > _MANY_AT_EDGE:
        low, high = model.moho_range_km
        warnings.append(
            f"Many posteriors pile up at an end of the prior's range, {low:g} to {high:g} km: the crust may be thinner "
            "or thicker than the model can say. Train a model with a wider moho_km."
        )
    return tuple(notes), tuple(warnings)


def _dataset(dataset: str, name: str, data_dir: Any) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return records and metadata of a config of `dataset`; the name may go without `dataset/`."""
    from zoo.data import datasets

    known = datasets.describe(dataset, data_dir)
    names = {*known["configs"], *(prepared.split("/")[1] for prepared in known["prepared"])}
    config = name.removeprefix(f"{dataset}/")
    if config not in names:
        near = did_you_mean(config, names)
        raise ZooError(f"There is no file or folder {name}, and no {dataset}/{config}.{near}")
    full = f"{dataset}/{config}"
    return datasets.arrays(full, "all", data_dir), datasets.metadata(full, data_dir)
