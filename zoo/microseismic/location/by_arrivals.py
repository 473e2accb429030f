"""Where did a microseismic event happen, by when its waves arrived? Bayesian location by travel times.

    observation = read_traces("event.npz")
    location = locate_arrivals(observation)
    print(location.report())
    location.write("located")

The comparison of Spurio Mancini et al. (2021), section 3.3: P arrivals, times from the eikonal equation, errors of the
picks of 5 ms, uniform prior over the rock. Arrival times alone are robust: amplitudes and wave shapes, which a wrong
source or density spoils, do not enter. They say less, too: see `zoo.microseismic.location.by_waveforms` for what
waveforms say.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from zoo.errors import UsageError, ZooError, did_you_mean
from zoo.files import digest, write_json, write_with
from zoo.microseismic.location.arrivals import MIN_SIGNAL_TO_NOISE, PULSE_SIGMA_S, Picks, pick_arrivals
from zoo.microseismic.location.by_waveforms import SETTINGS
from zoo.microseismic.location.observation import Observation
from zoo.microseismic.location.posterior import AXES, Posterior
from zoo.microseismic.location.travel_times import EdtLikelihood, GaussianLikelihood, OctTreeSampler, TravelTimeFields
from zoo.microseismic.physics import marine
from zoo.microseismic.physics.eikonal import receiver_times
from zoo.microseismic.physics.elastic_model import ElasticModel, read_model
from zoo.sampling.samplers import check_name, sample
from zoo.sampling.smc import Sampler, Settings

LIKELIHOODS = ("gaussian", "edt")
PICK_SD_S = 0.005  # of Spurio Mancini et al. (2021)
# Waves of 11 Hz do not see the earth as rays do: their arrivals scatter by this share of the time about the eikonal
# equation's. `python benchmarks/eikonal.py picks` measures it on the marine dataset.
TRAVEL_TIME_ERROR = 0.003
MIN_PICKS = 3
# Of the oct-tree.
_EDT_SETTINGS = {"screen": 2**18, "batch": 2**14, "particles": 2**12, "evidence_draws": 2**14}
_SAME_PLACE_KM = 0.0015
_MAX_RESIDUAL_SD = 3.5


@dataclass(frozen=True, kw_only=True)
class ArrivalLocation(Posterior):
    """Posterior of the coordinates of one event, by its arrival times.

    Attributes beside those of `Posterior`:
        likelihood: "gaussian" or "edt".
        picks: P arrivals of all receivers.
        arrival_sds_s: (receivers,) errors that the location gave them, picks and travel times together.
        predicted_s: (receivers,) arrivals from the posterior mean, s.
        origin_time_s: 0 where it is known, or else the one that fits the picks from the posterior mean.
        observed: (receivers, time) traces; None where only picks were given.
        time_step_s, unit: of the traces.
    """

    likelihood: str
    picks: Picks
    arrival_sds_s: np.ndarray
    predicted_s: np.ndarray
    origin_time_s: float
    observed: np.ndarray | None
    time_step_s: float | None
    unit: str

    @property
    def residuals_s(self) -> np.ndarray:
        """Picks minus predicted arrivals (receivers,), s; NaN: no pick."""
        return self.picks.times_s - self.predicted_s

    def summary(self) -> dict[str, Any]:
        """Return what `summary.json` holds: plain numbers, by coordinate."""
        return super().summary() | {
            "likelihood": self.likelihood,
            "receivers_km": self.picks.receivers_km,
            "picks_s": _or_none(self.picks.times_s),
            "arrival_sds_s": _or_none(self.arrival_sds_s),
            "signal_to_noise": self.picks.signal_to_noise,
            "predicted_s": self.predicted_s,
            "residuals_s": _or_none(self.residuals_s),
            "origin_time_s": self.origin_time_s,
        }

    def report(self) -> str:
        """Say where the event is, how sure that is, and what to doubt."""
        residuals = ", ".join("none" if np.isnan(r) else f"{1000 * r:+.1f}" for r in self.residuals_s)
        sds = ", ".join("none" if np.isnan(r) else f"{1000 * r:.1f}" for r in self.arrival_sds_s)
        lines = [
            *self.parameter_lines(),
            f"by arrival times, likelihood {self.likelihood}; effective sample size {self.samples.ess:.0f}",
            f"pick minus predicted arrival at each receiver: {residuals} ms (errors assumed: {sds} ms)",
            self.convergence.report(),
            *self.remark_lines(),
        ]
        return "\n".join(lines)

    def write(self, folder: str | os.PathLike) -> Path:
        """Write samples.npz, summary.json, corner.png and, of traces, arrivals.png to a folder; return it."""
        from zoo.figures import save_figure
        from zoo.microseismic.figures.arrivals import arrivals_figure
        from zoo.microseismic.figures.location import corner_figure

        folder = Path(folder)
        write_with(
            folder / "samples.npz",
            lambda path: np.savez_compressed(
                path,
                samples_km=self.samples.samples,
                log_likelihood=self.samples.log_likelihood,
                picks_s=self.picks.times_s,
                arrival_sds_s=self.arrival_sds_s,
                predicted_s=self.predicted_s,
            ),
        )
        save_figure(corner_figure(self.samples.samples, self.source_km), folder / "corner.png")
        if self.observed is not None:
            figure = arrivals_figure(
                self.observed,
                self.time_step_s,
                self.picks.receivers_km,
                self.picks.times_s,
                self.arrival_sds_s,
                self.predicted_s,
                self.unit,
            )
            save_figure(figure, folder / "arrivals.png")
        # Last: where it is, the others are.
        write_json(folder / "summary.json", self.summary())
        return folder


def locate_arrivals(
    data: Observation | Picks,
    velocity_model: ElasticModel | str | os.PathLike | None = None,
    likelihood: str = "gaussian",
    pick_sd_s: float | None = PICK_SD_S,
    origin_time_known: bool = True,
    edt_power: float | None = None,
    pulse_sigma_s: float | None = PULSE_SIGMA_S,
    seed: int = 0,
    settings: Settings = SETTINGS,
    sampler: str = "smc",
) -> ArrivalLocation:
    """Locate one event by its P arrivals.

    The first call for some receivers computes their travel times, which the cache keeps, and compiles the sampler.

    Args:
        data: traces with their sampling rate and receivers, from which arrivals are picked; or picks.
        velocity_model: the earth, or an npz of it (`zoo.microseismic.physics.elastic_model.read_model`). None: the
            marine model, if
            the receivers are its.
        likelihood: "gaussian", or "edt" (the paper's equation 14).
        pick_sd_s: error of each arrival, of pick and travel time together, s. None: of each receiver its own, from the
            pick's signal-to-noise ratio and `TRAVEL_TIME_ERROR`.
        origin_time_known: the first sample is the origin time. False: it may be any (gaussian; for edt it always may).
        edt_power: N of equation 14; None: the number of picks.
        pulse_sigma_s: of the source's pulse, see `zoo.microseismic.location.arrivals.pick_arrivals`.
        seed: the same seed gives the same answer.
        settings: size of each of the two runs of the sampler (edt, which samples by an oct-tree, has its own).
        sampler: name, see `zoo.sampling.samplers`.

    Raises:
        UsageError: there is no such likelihood or sampler.
        ZooError: the traces, picks or velocity model cannot be used.
    """
    check_name(sampler)
    if likelihood not in LIKELIHOODS:
        raise UsageError(f"There is no likelihood of arrivals '{likelihood}'.{did_you_mean(likelihood, LIKELIHOODS)}")
    if seed < 0:
        raise ZooError(f"The seed is {seed}; expected a whole number from 0 on.")
    if pick_sd_s is not None and not (np.isfinite(pick_sd_s) and pick_sd_s > 0):
        raise ZooError(f"pick_sd_s is {pick_sd_s}; expected a positive number of seconds, e.g. {PICK_SD_S}.")
    if edt_power is not None and not (np.isfinite(edt_power) and edt_power > 0):
        raise ZooError(f"edt_power is {edt_power}; expected a positive number, or None for the number of picks.")
    notes: list[str] = []
    if isinstance(data, Observation):
        picks, observation = _picked(data, pulse_sigma_s), data
    else:
        picks, observation = data, None
    used = np.flatnonzero(np.isfinite(picks.times_s))
    if used.size < MIN_PICKS:
        raise ZooError(
            f"{used.size} of {len(picks.times_s)} receivers have a P arrival (signal-to-noise ratio at least "
            f"{MIN_SIGNAL_TO_NOISE:g}); a location needs at least {MIN_PICKS}. Check the traces and their noise_sd."
        )
    if used.size < len(picks.times_s):
        missing = ", ".join(str(index) for index in np.setdiff1d(np.arange(len(picks.times_s)), used))
        notes.append(f"No arrival was found at receivers {missing}; the others locate the event.")
    if pick_sd_s is None:
        arrival_sds_s = np.hypot(picks.sds_s, TRAVEL_TIME_ERROR * picks.times_s)
        notes.append("The errors of the arrivals were estimated from the traces and the earth's scattering.")
    else:
        arrival_sds_s = np.where(np.isfinite(picks.times_s), pick_sd_s, np.nan)

    medium = _medium(velocity_model, picks.receivers_km)
    places = tuple(map(tuple, picks.receivers_km[used].tolist()))
    form = _Form(likelihood, origin_time_known, edt_power)
    _, engine = _compiled(medium, places, form, settings)
    samples, convergence = sample(engine, (picks.times_s[used], arrival_sds_s[used]), sampler, seed)
    # Of all receivers, those without a pick too.
    all_places = tuple(map(tuple, picks.receivers_km.tolist()))
    travel_s = _fields(medium, all_places)(samples.mean[np.newaxis].astype(np.float32)).numpy()[0].astype(np.float64)
    origin_time_s = form.origin_time_s(picks.times_s[used] - travel_s[used], arrival_sds_s[used])
    predicted_s = travel_s + origin_time_s
    source_km = None if observation is None else observation.source_km
    return ArrivalLocation(
        likelihood=likelihood,
        picks=picks,
        arrival_sds_s=arrival_sds_s,
        predicted_s=predicted_s,
        origin_time_s=origin_time_s,
        observed=None if observation is None else np.asarray(observation.traces),
        time_step_s=None if observation is None else 1.0 / observation.sampling_rate_hz,
        unit=(observation.unit if observation is not None else None) or "unit of the traces",
        samples=samples,
        convergence=convergence,
        source_km=None if source_km is None else np.asarray(source_km, np.float64),
        notes=tuple(notes),
        warnings=tuple(_warnings(samples.mean, samples.sd, engine, picks.times_s - predicted_s, arrival_sds_s)),
        seed=seed,
    )


@dataclass(frozen=True)
class _Form:
    """Which likelihood."""

    name: str
    origin_time_known: bool
    edt_power: float | None

    def of(self, travel_times: TravelTimeFields) -> Callable:
        if self.name == "edt":
            return EdtLikelihood(travel_times, self.edt_power)
        return GaussianLikelihood(travel_times, self.origin_time_known)

    def origin_time_s(self, residuals_s: np.ndarray, sds_s: np.ndarray) -> float:
        """Return the origin time that fits best, in the likelihood's own sense."""
        if self.name == "edt":
            return float(np.median(residuals_s))
        return 0.0 if self.origin_time_known else float(np.average(residuals_s, weights=sds_s**-2.0))


@dataclass(frozen=True)
class _Medium:
    """An earth, told from others by its content."""

    key: str
    model: ElasticModel = field(compare=False, repr=False)

    @property
    def box_km(self) -> tuple[np.ndarray, np.ndarray]:
        """Corners of the rock: the whole grid up to its lowest fluid."""
        last = np.array(self.model.shape) - 1
        fluid = np.flatnonzero((self.model.vs_m_s == 0).any(axis=(0, 1)))
        if 0 < fluid.size < self.model.shape[2] and fluid[0] > 0:
            last[2] = fluid[0]
        return np.zeros(3), last * np.array(self.model.spacing_m) / 1000.0


@lru_cache(maxsize=1)
def _marine() -> ElasticModel:
    return marine.marine_model()


def _medium(velocity_model: ElasticModel | str | os.PathLike | None, receivers_km: np.ndarray) -> _Medium:
    if velocity_model is None:
        known = (np.array(marine.PUBLISHED_RECEIVERS) - 1) * np.array(marine.SPACING_M) / 1000.0
        distance_km = np.linalg.norm(receivers_km[:, np.newaxis] - known, axis=-1).min(axis=1)
        if distance_km.max() > _SAME_PLACE_KM:
            place = ", ".join(f"{value:g}" for value in receivers_km[distance_km.argmax()])
            raise ZooError(
                f"The receiver at ({place}) km is none of the marine model's, so the earth under it is not known. "
                "State it: velocity_model=... (an npz with vp_m_s, vs_m_s, density_kg_m3 and spacing_m)."
            )
        model = _marine()
    else:
        model = velocity_model if isinstance(velocity_model, ElasticModel) else read_model(velocity_model)
    extent_km = (np.array(model.shape) - 1) * np.array(model.spacing_m) / 1000.0
    outside = np.any((receivers_km < -1e-9) | (receivers_km > extent_km + 1e-9), axis=1)
    if outside.any():
        place = ", ".join(f"{value:g}" for value in receivers_km[outside.argmax()])
        raise ZooError(
            f"The receiver at ({place}) km is outside the velocity model, which reaches from 0 to "
            f"{', '.join(f'{value:g}' for value in extent_km)} km. Coordinates are x, y, z in km, z up from its bottom."
        )
    return _Medium(digest(model.vp_m_s, model.vs_m_s, *model.shape, *model.spacing_m), model)


@lru_cache(maxsize=4)
def _fields(medium: _Medium, receivers_km: tuple[tuple[float, ...], ...]) -> TravelTimeFields:
    model, places = medium.model, np.array(receivers_km)
    return TravelTimeFields(receiver_times(model.vp_m_s, model.spacing_m, 1000.0 * places), model.spacing_m, places)


@lru_cache(maxsize=4)
def _compiled(
    medium: _Medium, receivers_km: tuple[tuple[float, ...], ...], form: _Form, settings: Settings
) -> tuple[Callable, Sampler]:
    """Return the likelihood and the sampler, whose compiled loops serve all events at these receivers."""
    likelihood = form.of(_fields(medium, receivers_km))
    if form.name == "edt":
        return likelihood, OctTreeSampler(likelihood, *medium.box_km, replace(settings, **_EDT_SETTINGS))
    return likelihood, Sampler(likelihood, *medium.box_km, settings)


def _picked(observation: Observation, pulse_sigma_s: float | None) -> Picks:
    if observation.receivers_km is None or observation.sampling_rate_hz is None:
        raise ZooError(
            "Arrival times need the places of the receivers and the sampling rate: state receivers_km and "
            "sampling_rate_hz of the observation."
        )
    noise_sd = observation.noise_sd
    if noise_sd is None and observation.noise is not None:
        noise_sd = np.std(observation.noise, axis=-1)
    return pick_arrivals(
        observation.traces, observation.sampling_rate_hz, observation.receivers_km, noise_sd, pulse_sigma_s
    )


def _warnings(
    mean: np.ndarray, sd: np.ndarray, sampler: Sampler, residuals_s: np.ndarray, sds_s: np.ndarray
) -> list[str]:
    warnings = []
    for index, axis in enumerate(AXES):
        for side, edge in (("lower", sampler.lower[index]), ("upper", sampler.upper[index])):
            if abs(mean[index] - edge) < 2.0 * sd[index]:
                warnings.append(
                    f"The posterior reaches the {side} edge of the velocity model's rock, {axis} = {edge:g}."
                )
    for index, value in enumerate(residuals_s / sds_s):
        if abs(value) > _MAX_RESIDUAL_SD:
            warnings.append(
                f"The arrival at receiver {index} is not explained: its residual is {value:+.1f} sd. Its pick, the "
                "origin time or the velocity model may be wrong."
            )
    return warnings


def _or_none(values: np.ndarray) -> list[float | None]:
    """JSON has no NaN."""
    return [None if np.isnan(value) else float(value) for value in values]
