"""Where did a microseismic event happen, by when its waves arrived? Bayesian location by travel times.

    observation = read_traces("event.npz")
    location = locate_by_arrivals(observation)
    print(location.report())
    location.write("located")

The comparison of Spurio Mancini et al. (2021), section 3.3: P arrivals, travel times from the eikonal equation, errors
of the picks of 5 ms, and a uniform prior over the rock. Arrival times alone are robust: amplitudes and wave shapes,
which a wrong source type or density distorts, do not enter. They also tell less: see
`zoo.microseismic.location.by_waveforms` for what waveforms tell.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from zoo.errors import UsageError, ZooError, did_you_mean
from zoo.microseismic.location.arrival_likelihood import EdtLikelihood, GaussianLikelihood
from zoo.microseismic.location.by_waveforms import SETTINGS
from zoo.microseismic.location.observation import Observation
from zoo.microseismic.location.oct_tree import OctTreeSampler
from zoo.microseismic.location.picks import MIN_SIGNAL_TO_NOISE, PICK_SD_S, PULSE_SIGMA_S, Picks, pick_arrivals
from zoo.microseismic.location.posterior import AXES, Posterior, edges_reached
from zoo.microseismic.location.travel_time_fields import TravelTimeFields, fields_of, fingerprint, travel_times
from zoo.microseismic.physics import marine
from zoo.microseismic.physics.coordinates import SAME_POINT_KM, checked, listed
from zoo.microseismic.physics.elastic_model import ElasticModel, read_model
from zoo.sampling.cache import cached
from zoo.sampling.samplers import check_name, check_seed, sample
from zoo.sampling.smc import Sampler, Samples, Settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LIKELIHOODS = ("gaussian", "edt")
# Waves of 11 Hz do not follow the rays of the eikonal equation exactly: their arrivals scatter about its times by this
# fraction of the time. `python benchmarks/eikonal.py picks` measures it on the marine dataset.
TRAVEL_TIME_ERROR = 0.003
MIN_PICKS = 3  # as many as there are coordinates
# Size of a run of the oct-tree.
_EDT_SETTINGS = {"screen": 2**18, "batch": 2**14, "particles": 2**12, "evidence_draws": 2**14}
# A pick is not explained whose residual is larger: one in 2000 is by chance.
_MAX_RESIDUAL_SD = 3.5


@dataclass(frozen=True, kw_only=True)
class ArrivalLocation(Posterior):
    """Posterior of the coordinates of one event, by its arrival times.

    Attributes, in addition to those of `Posterior`:
        likelihood: "gaussian" or "edt".
        picks: P arrivals at all receivers.
        arrival_sds_s: (receivers,) errors that were assumed, of pick and travel time together.
        predicted_s: (receivers,) arrivals from the posterior mean, s.
        origin_time_s: 0 if it is known; otherwise the one that fits the picks best from the posterior mean.
        observed: (receivers, time) traces; None if only picks were given.
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
        """Picks minus predicted arrivals (receivers,), s; NaN where there is no pick."""
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
        """Return where the event is, how certain that is, and what casts doubt on it."""
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

    def arrays(self) -> dict[str, np.ndarray]:
        """Return what `samples.npz` holds."""
        return super().arrays() | {
            "picks_s": self.picks.times_s,
            "arrival_sds_s": self.arrival_sds_s,
            "predicted_s": self.predicted_s,
        }

    def figures(self) -> dict[str, Figure]:
        """Return `corner.png` and, if there are traces, `arrivals.png`."""
        from zoo.microseismic.figures.arrivals import arrivals_figure

        if self.observed is None:
            return super().figures()
        return super().figures() | {
            "arrivals.png": arrivals_figure(
                self.observed,
                self.time_step_s,
                self.picks.receivers_km,
                self.picks.times_s,
                self.arrival_sds_s,
                self.predicted_s,
                self.unit,
            )
        }


def locate_by_arrivals(
    data: Observation | Picks,
    velocity_model: ElasticModel | str | os.PathLike | None = None,
    likelihood: str = "gaussian",
    pick_sd_s: float | Literal["auto"] | None = None,
    origin_time_known: bool = True,
    edt_power: float | None = None,
    pulse_sigma_s: float | Literal["unknown"] | None = None,
    seed: int = 0,
    settings: Settings = SETTINGS,
    sampler: str = "smc",
) -> ArrivalLocation:
    """Locate one event by its P arrivals.

    The first call for an earth and its receivers computes the travel times, which the zoo's cache keeps, and compiles
    the sampler, which the earth model keeps: for many events, read the model once.

    Args:
        data: traces with their sampling rate and receivers, in which arrivals are picked; or picks.
        velocity_model: the earth, or an npz of it (`zoo.microseismic.physics.elastic_model.read_model`). None: the
            marine model, if all receivers are among those of that model.
        likelihood: "gaussian", or "edt" (the paper's equation 14).
        pick_sd_s: error of each arrival, of pick and travel time together, s. "auto": each receiver has its own, from
            the pick's signal-to-noise ratio and `TRAVEL_TIME_ERROR`. None: `PICK_SD_S`, right for the marine earth; a
            note says so where another one is given.
        origin_time_known: the first sample is at the origin time. False: it may be any (gaussian; for edt it always
            may).
        edt_power: N of equation 14; None: the number of picks.
        pulse_sigma_s: of the source's pulse, s, or "unknown", see `zoo.microseismic.location.picks.pick_arrivals`.
            None: `PULSE_SIGMA_S`, that of the marine dataset; a note says so where another earth is given.
        seed: the same seed gives the same answer.
        settings: size of each of the two runs of the sampler (edt, which is sampled by an oct-tree, has its own).
        sampler: name, see `zoo.sampling.samplers`.

    Returns:
        The posterior of the location.

    Raises:
        UsageError: there is no such likelihood or sampler.
        ZooError: the traces, picks or velocity model cannot be used.

    Source: Spurio Mancini et al. (2021), section 3.3.
    """
    check_name(sampler)
    if likelihood not in LIKELIHOODS:
        raise UsageError(f"There is no likelihood of arrivals '{likelihood}'.{did_you_mean(likelihood, LIKELIHOODS)}")
    check_seed(seed)
    notes = _marine_values(pick_sd_s, pulse_sigma_s, isinstance(data, Picks)) if velocity_model is not None else []
    pick_sd_s = PICK_SD_S if pick_sd_s is None else pick_sd_s
    pulse_sigma_s = PULSE_SIGMA_S if pulse_sigma_s is None else pulse_sigma_s
    if pick_sd_s != "auto" and (isinstance(pick_sd_s, str) or not 0 < pick_sd_s < np.inf):
        raise ZooError(
            f"pick_sd_s is {pick_sd_s!r}; expected a positive number of seconds, e.g. {PICK_SD_S}, or 'auto'."
        )
    if edt_power is not None and not (np.isfinite(edt_power) and edt_power > 0):
        raise ZooError(f"edt_power is {edt_power}; expected a positive number, or None for the number of picks.")
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
    if pick_sd_s == "auto":
        arrival_sds_s = np.hypot(picks.sds_s, TRAVEL_TIME_ERROR * picks.times_s)
        source = "picks" if observation is None else "traces"
        notes.append(f"The errors of the arrivals were estimated from the {source} and the scattering in the earth.")
    else:
        arrival_sds_s = np.where(np.isfinite(picks.times_s), pick_sd_s, np.nan)

    earth = _earth(velocity_model, picks.receivers_km)
    form = _Form(likelihood, origin_time_known, edt_power)
    engine = _compiled(earth, picks.receivers_km[used], form, settings)
    samples, convergence = sample(engine, (picks.times_s[used], arrival_sds_s[used]), sampler, seed)
    # To all receivers, including those without a pick.
    travel_s = travel_times(samples.mean[np.newaxis], earth, picks.receivers_km)[0]
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
        warnings=tuple(_warnings(samples, engine, picks.times_s - predicted_s, arrival_sds_s)),
        seed=seed,
    )


def _marine_values(pick_sd_s: Any, pulse_sigma_s: Any, picked: bool) -> list[str]:
    """Return a note on the values that are not set: they are those of the marine earth, but another one is given."""
    values = []
    if pick_sd_s is None:
        values.append(f"an error of each arrival of {PICK_SD_S:g} s (pick_sd_s, --pick-sd; 'auto' estimates it)")
    if pulse_sigma_s is None and not picked:
        values.append(f"a pulse with sigma {PULSE_SIGMA_S:g} s (pulse_sigma_s, --pulse-sigma; 'unknown' picks onsets)")
    if not values:
        return []
    return [f"Assumed, as in the marine earth, because it was not set: {'; '.join(values)}. Set it for this earth."]


@dataclass(frozen=True)
class _Form:
    """Which likelihood, and with what options."""

    name: str
    origin_time_known: bool
    edt_power: float | None

    def of(self, fields: TravelTimeFields) -> Callable:
        if self.name == "edt":
            return EdtLikelihood(fields, self.edt_power)
        return GaussianLikelihood(fields, self.origin_time_known)

    def origin_time_s(self, residuals_s: np.ndarray, sds_s: np.ndarray) -> float:
        """Return the origin time that fits best in the sense of the likelihood."""
        if self.name == "edt":
            return float(np.median(residuals_s))
        return 0.0 if self.origin_time_known else float(np.average(residuals_s, weights=sds_s**-2.0))


@cache
def _marine() -> ElasticModel:
    return marine.marine_model()


def _earth(velocity_model: ElasticModel | str | os.PathLike | None, receivers_km: np.ndarray) -> ElasticModel:
    """Return the earth model, after a check that the receivers are in it."""
    if velocity_model is None:
        known = (np.array(marine.PUBLISHED_RECEIVERS) - 1) * np.array(marine.SPACING_M) / 1000.0
        distance_km = np.linalg.norm(receivers_km[:, np.newaxis] - known, axis=-1).min(axis=1)
        if distance_km.max() > SAME_POINT_KM:
            raise ZooError(
                f"The receiver at {listed(receivers_km[distance_km.argmax()])} km is none of the marine model's, so "
                "the earth under it is not known. State it: velocity_model=... (an npz with vp_m_s, vs_m_s, "
                "density_kg_m3 and spacing_m)."
            )
        model = _marine()
    else:
        model = velocity_model if isinstance(velocity_model, ElasticModel) else read_model(velocity_model)
    checked(receivers_km, model.extent_km, "receiver")
    return model


def _rock_km(model: ElasticModel) -> tuple[np.ndarray, np.ndarray]:
    """Return the corners (3,) of the rock, which are the prior's: the whole grid up to its lowest fluid."""
    last = np.array(model.shape) - 1
    fluid = np.flatnonzero((model.vs_m_s == 0).any(axis=(0, 1)))
    # A model without S waves anywhere is not all sea: its author left them out.
    if 0 < fluid.size < model.shape[2] and fluid[0] > 0:
        last[2] = fluid[0]
    return np.zeros(3), last * np.array(model.spacing_m) / 1000.0


def _compiled(model: ElasticModel, receivers_km: np.ndarray, form: _Form, settings: Settings) -> Sampler:
    """Return the sampler, whose compiled loops serve all events at these receivers."""

    def make() -> Sampler:
        likelihood = form.of(fields_of(model, receivers_km))
        if form.name == "edt":
            return OctTreeSampler(likelihood, *_rock_km(model), replace(settings, **_EDT_SETTINGS))
        return Sampler(likelihood, *_rock_km(model), settings)

    return cached(model, ("arrivals", fingerprint(model), receivers_km.tobytes(), form, settings), make)


def _picked(observation: Observation, pulse_sigma_s: float | Literal["unknown"]) -> Picks:
    """Return the arrivals picked on the traces of an observation."""
    if observation.receivers_km is None or observation.sampling_rate_hz is None:
        raise ZooError(
            "Arrival times need the coordinates of the receivers and the sampling rate: state receivers_km and "
            "sampling_rate_hz of the observation."
        )
    noise_sd = observation.noise_sd
    if noise_sd is None and observation.noise is not None:
        noise_sd = np.std(observation.noise, axis=-1)
    return pick_arrivals(
        observation.traces, observation.sampling_rate_hz, observation.receivers_km, noise_sd, pulse_sigma_s
    )


def _warnings(samples: Samples, sampler: Sampler, residuals_s: np.ndarray, sds_s: np.ndarray) -> list[str]:
    """Return what speaks against a location by arrival times."""
    warnings = [
        f"The posterior reaches the {side} edge of the velocity model's rock, {AXES[index]} = {edge:g}: the event may "
        "lie outside."
        for index, side, edge in edges_reached(samples, sampler)
    ]
    for index, value in enumerate(residuals_s / sds_s):
        if abs(value) > _MAX_RESIDUAL_SD:
            warnings.append(
                f"The arrival at receiver {index} is not explained: its residual is {value:+.1f} sd. Its pick, the "
                "origin time or the velocity model may be wrong."
            )
    return warnings


def _or_none(values: np.ndarray) -> list[float | None]:
    """Return numbers for JSON, which has no NaN."""
    return [None if np.isnan(value) else float(value) for value in values]
