"""What `zoo.crust.invert` does with a model of surface waves: maps and curves to thickness and Vs."""

from __future__ import annotations

from typing import Any

import numpy as np

from zoo.crust import wave_inversion as waves
from zoo.crust.crust_map import CrustMap, compare
from zoo.crust.maps import DispersionMap, ThicknessMap, in_one_piece
from zoo.crust.models.wave_network import KINDS
from zoo.crust.points import KnownPoints
from zoo.crust.profile_fit import fit_profiles
from zoo.crust.profiles import CurveAnswer

_MANY_AT_EDGE = 0.2


def invert_map(
    velocities: DispersionMap,
    model: Any,
    name: str,
    *,
    noise_relative: float | None = None,
    correlation: float = 0.0,
    prior: ThicknessMap | None = None,
    smoothness_km: float | None = None,
    points: KnownPoints | None = None,
    reference: ThicknessMap | None = None,
    reference_name: str = "reference",
) -> CrustMap:
    """Invert a map; the arguments are those of `zoo.crust.inversion.invert`."""
    from zoo.crust.inversion import relative_error

    columns, edge, known, posterior, notes, nodes, usable = waves.wave_columns(
        velocities, model, noise_relative, correlation
    )
    curves = velocities.curves()
    notes = [*velocities.notes, *notes, *_noise_notes(curves, model, noise_relative)]
    lon, lat = in_one_piece(velocities.longitude_deg), np.asarray(velocities.latitude_deg, np.float64)
    if prior is not None:
        weighed = waves.Weighed(posterior, prior, (lon.min(), lon.max(), lat.min(), lat.max()))
        columns["thickness_km"][usable], columns["sd_km"][usable] = weighed.mean_km, weighed.sd_km
        for end, level, q in waves.ENDS:
            columns[f"{end}_{level}_km"][usable] = weighed.quantile_km(q)
        values = np.array(weighed.surroundings)
        middle = np.average(values[:, 0], weights=values[:, 1])
        notes.append(
            f"Prior: thickness of {prior.source} around the map, without the map's region (mean {middle:.1f} km). "
            "Vs is without it."
        )
    if smoothness_km is not None:
        old = columns["sd_km"].copy()
        columns["thickness_km"], columns["sd_km"] = waves.smooth(
            columns["thickness_km"], old, lon, lat, smoothness_km, points
        )
        for end, level, sds in (
            ("lower", 68, -0.9945),
            ("upper", 68, 0.9945),
            ("lower", 95, -1.96),
            ("upper", 95, 1.96),
        ):
            columns[f"{end}_{level}_km"] = columns["thickness_km"] + sds * columns["sd_km"]
        notes.append(
            f"Smoothness: the thickness is a Gaussian field with a correlation of 1 / e at {smoothness_km:g} km."
        )
        if points is not None:
            notes.append(f"{len(points.sd_km)} points of {points.source} are data of that field. Vs is without them.")
    main = next(iter(curves))
    period_s, velocity, _ = curves[main]
    inside = nodes.inside(period_s)
    order = np.flatnonzero(inside)[::-1]
    frequency_hz, velocity = 1 / period_s[order], np.asarray(velocity, np.float64)[:, order]
    if main != "rayleigh_phase":
        notes.append(f"What figures and table call phase velocity is {main.replace('_', ' ')} velocity here.")
    answered = np.isfinite(columns["thickness_km"])
    range_km = np.asarray(model.moho_range_km, np.float64)
    error, errors = np.full(len(answered), np.nan), {}
    if main == "rayleigh_phase":
        error = relative_error(columns["thickness_km"], velocity, frequency_hz, range_km)
        constant = np.full_like(error, np.nanmean(columns["thickness_km"]))
        errors = {"inverted": error, "constant": relative_error(constant, velocity, frequency_hz, range_km)}
    comparison = None
    if reference is not None:
        comparison = compare(columns, reference, velocities, reference_name)
        if errors:
            against = relative_error(comparison.reference_km, velocity, frequency_hz, range_km)
            if (np.isfinite(against) & answered).any():
                errors[reference_name] = against
    common = np.all([np.isfinite(v) for v in errors.values()], axis=0) if errors else np.zeros(0, bool)
    missing = np.sum([~np.isfinite(v) for _, v, _ in curves.values()], axis=(0, 2))
    flag = waves.flags(columns["unfamiliarity"], edge, answered, missing)
    warnings = waves.verdict(known, curves)
    if np.mean(edge[answered] > waves.EDGE_SHARE) > _MANY_AT_EDGE:
        warnings.append(
            f"Many posteriors pile up at an end of the prior's range, {range_km[0]:g} to {range_km[1]:g} km: the crust "
            "may be thinner (an ocean's) or thicker than the model can say."
        )
    bank = nodes.at(main, period_s[order], nodes.logs[:3000, KINDS.index(main)])
    return CrustMap(
        longitude_deg=lon,
        latitude_deg=lat,
        **columns,
        relative_error=error,
        flag=flag,
        missing_periods=missing,
        frequency_hz=frequency_hz,
        phase_velocity_km_s=velocity,
        interpolated=np.zeros(len(frequency_hz), bool),
        mean_relative_error={key: float(v[common].mean()) for key, v in errors.items()} if common.any() else {},
        moho_range_km=range_km,
        training_mean_km_s=np.exp(bank).mean(axis=0),
        training_sd_km_s=np.exp(bank).std(axis=0),
        model=name,
        source=str(velocities.source),
        depth_km=np.asarray(model.depth_km, np.float64),
        comparison=comparison,
        notes=tuple(notes),
        warnings=tuple(warnings),
    )


def answer_curves(
    velocities: DispersionMap, model: Any, name: str, *, noise_relative: float | None = None, correlation: float = 0.0
) -> CurveAnswer:
    """Answer curves without a place; the arguments are those of `zoo.crust.inversion.invert`."""
    columns, _, known, posterior, notes, nodes, usable = waves.wave_columns(
        velocities, model, noise_relative, correlation
    )
    measured = velocities.curves()
    curves = {}
    for kind, (period_s, velocity, sd) in measured.items():
        inside = nodes.inside(period_s)
        curves[kind] = period_s[inside], velocity[:, inside], None if sd is None else sd[:, inside]
    given = {k: (t, v[usable], None if sd is None else sd[usable]) for k, (t, v, sd) in curves.items()}
    found = fit_profiles(posterior, given, noise_relative or float(model.noise_relative))

    def of_all(values: np.ndarray) -> np.ndarray:
        whole = np.full((len(usable), *values.shape[1:]), np.nan)
        whole[usable] = values
        return whole

    return CurveAnswer(
        thickness_km=columns["thickness_km"],
        sd_km=columns["sd_km"],
        interval_68_km=np.stack([columns["lower_68_km"], columns["upper_68_km"]], axis=1),
        depth_km=np.asarray(model.depth_km, np.float64),
        vs_km_s=columns["vs_km_s"],
        vs_lower_68_km_s=columns["vs_lower_68_km_s"],
        vs_upper_68_km_s=columns["vs_upper_68_km_s"],
        vs_fitted_km_s=of_all(found.vs_km_s),
        unfamiliarity=columns["unfamiliarity"],
        misfit_km_s={kind: of_all(values) for kind, values in found.misfit_km_s.items()},
        curves=curves,
        predicted_km_s={kind: of_all(values) for kind, values in found.predicted_km_s.items()},
        model=name,
        source=str(velocities.source),
        notes=(*velocities.notes, *notes, *_noise_notes(measured, model, noise_relative)),
        warnings=tuple(waves.verdict(known, curves)),
    )


def _noise_notes(curves: dict, model: Any, noise_relative: float | None) -> list[str]:
    """Return a note where errors are assumed."""
    without = [kind for kind, (_, _, sd) in curves.items() if sd is None]
    if not without:
        return ["The errors of the file are used, and --noise only where they are missing."] if noise_relative else []
    noise = noise_relative or float(model.noise_relative)
    origin = "as asked" if noise_relative else "the model's default; --noise sets another"
    return [
        f"No error bars for {', '.join(without)}: {100 * noise:g} % of phase and {200 * noise:g} % of group velocities "
        f"is assumed ({origin})."
    ]
