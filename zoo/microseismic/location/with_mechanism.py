"""Where did a microseismic event happen, and what kind of source was it? Location and moment tensor together.

    observation = read_traces("event.npz")
    found = mechanism(observation, zoo.load("greens_emulator"))
    print(found.report())
    found.write("inverted")

The emulator gives Green's functions, so the moment tensor is integrated out for every location, the location is
sampled, and a tensor is drawn for each sample (`zoo.microseismic.location.mechanism_likelihood`). The colour of the
noise, and errors of the world, are as in `zoo.microseismic.location.by_waveforms`, but that the
source's pulse is the emulator's. The evidence of double couples and of tensors without volume change is given relative
to that of any tensor (`zoo.microseismic.location.mechanism_constraints`).
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo import registry
from zoo.errors import UsageError, ZooError, did_you_mean
from zoo.microseismic.location.cutting import cut
from zoo.microseismic.location.engine import self_check, tensors
from zoo.microseismic.location.mechanism_constraints import CONSTRAINTS, MIN_EFFECTIVE, Constrained, constrained
from zoo.microseismic.location.mechanism_likelihood import MechanismLikelihood, draw_tensors
from zoo.microseismic.location.mechanism_sampler import MechanismSampler
from zoo.microseismic.location.noise import stated_noise
from zoo.microseismic.location.observation import Observation, match
from zoo.microseismic.location.posterior import Posterior, waveform_warnings, wrong_emulator
from zoo.microseismic.location.world import World, within_record
from zoo.microseismic.physics import moment_tensor
from zoo.sampling.cache import cached
from zoo.sampling.convergence import sample_checked
from zoo.sampling.samplers import check_seed
from zoo.sampling.smc import Settings
from zoo.serving import need_tensorflow

if TYPE_CHECKING:
    import keras
    from matplotlib.figure import Figure

# Smaller screens and batches than those of `by_waveforms`: each likelihood costs more time and memory. Particles and
# draws are those of `smc`, which takes over where the importance draws are too uneven.
SETTINGS = Settings(screen=8_192, particles=1_024, evidence_draws=2_048, batch=256)
ERROR_INFLATION = 1.5
"""The emulator's errors, as measured, times this: those of one event resemble each other more than independent ones.
Chosen such that held-out events are off by their standard deviations (`python benchmarks/emulator_calibration.py`)."""
# Samples of the posterior whose traces make the predictive band.
_BAND_SAMPLES = 128
_UNIT = "Pa"


@dataclass(frozen=True, kw_only=True)
class Mechanism(Posterior):
    """Posterior of the location and the moment tensor of one event.

    Attributes, in addition to those of `Posterior`:
        tensors_n_m: (n, 6) xx, yy, zz, xy, xz, yz (x east, y north, z up), one for each sample of the location.
        true_tensor_n_m: (6,); None where unknown.
        prior_scale_n_m: standard deviation of the prior in each of six orthogonal directions of tensor space.
        log_bayes_factor: log evidence of an event minus that of noise alone.
        misfit: (receivers,) mean squared residual divided by its predicted variance; about 1 where the trace is
            explained.
        observed, predicted, predictive_sd: (receivers, time) traces, and the mean and standard deviation of what the
            posterior predicts.
        noise_sd: (receivers,) standard deviation of the noise.
        receivers_km: (receivers, 3) of the receivers used.
        time_step_s: of the traces.
        constraint: what the tensors are: "full" (anything), "deviatoric" or "double_couple".
        log_evidence_of: log evidence of each constraint, minus that of the full tensor; positive favours it.
        world: errors of the world that were allowed.
    """

    tensors_n_m: np.ndarray
    true_tensor_n_m: np.ndarray | None
    prior_scale_n_m: float
    log_bayes_factor: float
    misfit: np.ndarray
    observed: np.ndarray
    predicted: np.ndarray
    predictive_sd: np.ndarray
    noise_sd: np.ndarray
    receivers_km: np.ndarray
    time_step_s: float
    constraint: str
    log_evidence_of: dict[str, float]
    world: World

    @property
    def mean_tensor_n_m(self) -> np.ndarray:
        """Posterior mean (6,)."""
        return self.tensors_n_m.mean(axis=0)

    @property
    def sd_tensor_n_m(self) -> np.ndarray:
        """Posterior standard deviation (6,)."""
        return self.tensors_n_m.std(axis=0)

    @property
    def rotation_spread_deg(self) -> np.ndarray:
        """Kagan angles (n,) between the tensors and their mean."""
        return moment_tensor.kagan_angle_deg(self.tensors_n_m, self.mean_tensor_n_m)

    def nodal_planes(self) -> list[dict[str, float]]:
        """Return strike, dip and rake, in degrees, of the two planes of the mean tensor's double couple (by ObsPy)."""
        from obspy.imaging.beachball import MomentTensor, aux_plane, mt2plane

        first = mt2plane(MomentTensor(*moment_tensor.spherical(self.mean_tensor_n_m), 0))
        planes = [(first.strike, first.dip, first.rake), aux_plane(first.strike, first.dip, first.rake)]
        return [
            {"strike_deg": strike % 360, "dip_deg": dip, "rake_deg": (rake + 180) % 360 - 180}
            for strike, dip, rake in planes
        ]

    def summary(self) -> dict[str, Any]:
        """Return what `summary.json` holds."""
        moments = moment_tensor.scalar_moment(self.tensors_n_m)
        magnitudes = moment_tensor.moment_magnitude(moments)
        types = moment_tensor.source_type(self.tensors_n_m)
        result = super().summary() | {
            "moment_tensor_n_m": {
                name: {"mean": mean, "sd": sd}
                for name, mean, sd in zip(
                    moment_tensor.COMPONENTS, self.mean_tensor_n_m, self.sd_tensor_n_m, strict=True
                )
            },
            "scalar_moment_n_m": {"mean": moments.mean(), "sd": moments.std()},
            "moment_magnitude": {"mean": magnitudes.mean(), "sd": magnitudes.std()},
            "source_type_percent": {
                name: {"mean": values.mean(), "sd": values.std()}
                for name, values in zip(("isotropic", "clvd", "double_couple"), types.T, strict=True)
            },
            "nodal_planes": self.nodal_planes(),
            "rotation_spread_deg": np.percentile(self.rotation_spread_deg, [50, 95]),
            "constraint": self.constraint,
            "log_evidence_relative_to_full": self.log_evidence_of,
            "prior_scale_n_m": self.prior_scale_n_m,
            "log_bayes_factor_over_noise": self.log_bayes_factor,
            "misfit": self.misfit,
            "noise_sd": self.noise_sd,
            "receivers_km": self.receivers_km,
        }
        if self.true_tensor_n_m is not None:
            result["true_moment_tensor_n_m"] = self.true_tensor_n_m
            result["rotation_from_truth_deg"] = moment_tensor.kagan_angle_deg(
                self.mean_tensor_n_m, self.true_tensor_n_m
            )
        return result

    def report(self) -> str:
        """Return where the event is, what it was, how certain that is, and what casts doubt on it."""
        entries = self.summary()
        unit = 10.0 ** np.floor(np.log10(np.abs(self.mean_tensor_n_m).max()))
        tensor = "   ".join(
            f"M{name} = {mean / unit:.2f} ± {sd / unit:.2f}"
            for name, mean, sd in zip(moment_tensor.COMPONENTS, self.mean_tensor_n_m, self.sd_tensor_n_m, strict=True)
        )
        types = entries["source_type_percent"]
        planes = " or ".join(
            f"{p['strike_deg']:.0f}/{p['dip_deg']:.0f}/{p['rake_deg']:.0f}" for p in self.nodal_planes()
        )
        half, most = entries["rotation_spread_deg"]
        lines = [
            *self.parameter_lines(),
            f"{tensor}   x {unit:.0e} N m (x east, y north, z up)",
            f"M0 = {entries['scalar_moment_n_m']['mean']:.3g} ± {entries['scalar_moment_n_m']['sd']:.2g} N m, "
            f"Mw = {entries['moment_magnitude']['mean']:.2f} ± {entries['moment_magnitude']['sd']:.2f}",
            "source type: "
            + ", ".join(f"{name.replace('_', ' ')} {v['mean']:.0f} ± {v['sd']:.0f} %" for name, v in types.items()),
            f"strike/dip/rake {planes} degrees; half of the samples are rotated from the mean by less than {half:.0f}, "
            f"95 % by less than {most:.0f}",
            "log evidence relative to any tensor: "
            + ", ".join(f"{name.replace('_', ' ')} {value:+.1f}" for name, value in self.log_evidence_of.items()),
            f"log Bayes factor over noise alone {self.log_bayes_factor:.1f}",
            "misfit at each receiver (1 is expected): " + ", ".join(f"{v:.2f}" for v in self.misfit),
            self.convergence.report(),
        ]
        return "\n".join([*lines, *self.remark_lines()])

    def arrays(self) -> dict[str, np.ndarray]:
        """Return what `samples.npz` holds."""
        traces = {"observed": self.observed, "predicted": self.predicted, "predictive_sd": self.predictive_sd}
        return super().arrays() | {"tensors_n_m": self.tensors_n_m} | traces

    def figures(self) -> dict[str, Figure]:
        """Return `corner.png`, `mechanism.png` and `traces.png`."""
        from zoo.microseismic.figures.location import traces_figure
        from zoo.microseismic.figures.mechanism import mechanism_figure

        fit = (self.observed, self.predicted, self.predictive_sd, self.time_step_s, self.receivers_km, _UNIT)
        return super().figures() | {
            "mechanism.png": mechanism_figure(self.tensors_n_m, self.true_tensor_n_m),
            "traces.png": traces_figure(*fit, time_of_first_sample="origin_time_s" in self.parameters),
        }


def mechanism(
    traces: np.ndarray | Observation,
    model: keras.Model | str | os.PathLike,
    noise_sd: np.ndarray | float | None = None,
    receivers_km: np.ndarray | None = None,
    sampling_rate_hz: float | None = None,
    true_tensor_n_m: np.ndarray | None = None,
    seed: int = 0,
    settings: Settings = SETTINGS,
    world: World | None = None,
    constraint: str = "full",
) -> Mechanism:
    """Infer the location and the moment tensor of one event from its traces.

    The first call for a model compiles the sampler, which the model keeps for later events at the same receivers: for
    many events, load the model once.

    Args:
        traces: (receivers, time) in Pa; or an Observation, whose fields are used where the
            arguments below are None.
        model: emulator of Green's functions ("microseismic.greens_functions"), or the name or folder of one.
        noise_sd: standard deviation of white noise in Pa, scalar or (receivers,). None: the covariance of the
            observation's noise before the event, if there is some; otherwise its noise_sd; otherwise an estimate from
            the samples before the arrivals.
        receivers_km: (receivers, 3); some or all of the emulator's receivers, in any order. None: all of them.
        sampling_rate_hz: compared with the emulator's.
        true_tensor_n_m: (6,) for the figures and the summary, where it is known.
        seed: the same seed gives the same answer.
        settings: `screen` is the number of places that are tried first; the rest is for smc.
        world: what is not known of the world, and by how much. Strength and pulse of the event do not count: the one is
            the tensor's, the other the emulator's. `World.as_simulated()` takes the emulator's world for the true one.
        constraint: what the tensors may be: "full" (anything), "deviatoric" or "double_couple". The evidence of each is
            given in any case.

    Returns:
        The posterior of location and moment tensor.

    Raises:
        ZooError: the model answers something else, or the traces do not fit it or cannot be used.
        UsageError: there is no constraint of that name.
    """
    need_tensorflow("A moment tensor")  # the sampler follows the gradient through the emulator
    check_seed(seed)
    if constraint not in CONSTRAINTS:
        raise UsageError(f"There is no constraint {constraint!r}.{did_you_mean(constraint, CONSTRAINTS)}")
    model, _ = registry.model_for(model, "microseismic.greens_functions")
    given = Observation.of(traces, sampling_rate_hz, receivers_km, noise_sd)
    if given.unit and given.unit.strip() != _UNIT:
        raise ZooError(
            f"The traces are in '{given.unit}'; expected {_UNIT}, for the answer is a moment in N m. Convert them to "
            f"{_UNIT}."
        )
    # The emulator's own unit is Pa per N m, which `match` would compare with that of the traces.
    observation = replace(given, unit=None)
    world = within_record(world or World(), model)
    cut_notes: tuple[str, ...] = ()
    if np.ndim(observation.traces) == 2 and observation.traces.shape[1] > model.samples and world.origin_time_s:
        observation, _, cut_notes = cut(observation, model)
    matched = match(observation, model)
    noise, noise_notes = stated_noise(matched.traces, matched.noise_sd, matched.noise)

    likelihood, sampler = _compiled(model, matched.receivers, settings, world)
    # A first screen with the emulator's average errors tells at what height the event is, hence which errors apply.
    points, values = sampler.candidates(likelihood.prepare(matched.traces, noise), seed)
    height_km, wrong = float(points[np.argmax(values), 2]), np.full(len(matched.traces), ERROR_INFLATION)
    arguments = likelihood.prepare(matched.traces, noise, height_km, wrong)
    screened = points, sampler.evaluate(points, arguments)
    if not world.velocity_error:
        # Another earth does more to the waves than the emulator does.
        ends, heights, _ = sampler.climb(screened, arguments)
        best = ends[np.argmax(heights)]
        wrong = wrong * likelihood.more_wrong(best, matched.traces, noise.sd, height_km, arguments)
        arguments = likelihood.prepare(matched.traces, noise, height_km, wrong)
        screened = points, sampler.evaluate(points, arguments)
    samples = sampler.sample(arguments, seed, screened)
    convergence = self_check(samples)
    slowly = ()
    if not convergence.converged:
        samples, convergence = sample_checked(sampler, arguments, seed)
        slowly = ("Sampled by smc: the importance draws were too uneven.",)
    rng = np.random.default_rng([seed, 3])
    equations = likelihood.normal_equations(*tensors([samples.samples, *arguments]))
    gram, projected = (np.asarray(part, np.float64) for part in equations[:2])
    drawn, _ = draw_tensors(gram, projected, float(arguments[2]), rng)
    others = constrained(gram, projected, rng)
    notes = [*cut_notes, *matched.notes, *noise_notes, world.described(of_source=False), *slowly]
    evidence = samples.log_evidence
    if constraint != "full":
        evidence += others[constraint].log_evidence
        samples = replace(samples, samples=samples.samples[others[constraint].chosen], log_evidence=evidence)
        drawn = others[constraint].tensors * float(arguments[2])
    notes += [_few(name, one) for name, one in others.items() if one.effective < MIN_EFFECTIVE]
    chosen = rng.integers(len(drawn), size=_BAND_SAMPLES)
    predicted, predictive_sd = likelihood.predictive(
        samples.samples[chosen], drawn[chosen], matched.traces, noise.sd, arguments, height_km, wrong
    )
    misfit = np.mean(((matched.traces - predicted) / predictive_sd) ** 2, axis=-1)
    # The likelihood is relative to silence, so the evidence is the Bayes factor.
    columns = 4 if world.origin_time_s is not None else 3
    said, suspected = wrong_emulator(wrong / ERROR_INFLATION)
    notes += said
    warnings = suspected + waveform_warnings(likelihood.parameters[:columns], samples, sampler, evidence, misfit)
    if "slowness_change" in likelihood.parameters:
        samples = replace(samples, samples=samples.samples * ([1.0] * (len(likelihood.parameters) - 1) + [100.0]))
    return Mechanism(
        samples=samples,
        convergence=convergence,
        source_km=None if observation.source_km is None else np.asarray(observation.source_km, np.float64),
        notes=(*notes, *matched.remarks(samples.mean[:3])),
        warnings=tuple(warnings),
        seed=seed,
        parameters=tuple(
            "travel_time_change_percent" if name == "slowness_change" else name for name in likelihood.parameters
        ),
        tensors_n_m=drawn,
        true_tensor_n_m=None if true_tensor_n_m is None else np.asarray(true_tensor_n_m, np.float64),
        prior_scale_n_m=float(arguments[2]),
        log_bayes_factor=evidence,
        misfit=misfit,
        observed=matched.traces,
        predicted=predicted,
        predictive_sd=predictive_sd,
        noise_sd=noise.sd,
        receivers_km=np.asarray(model.receivers_km)[list(matched.receivers)],
        time_step_s=float(model.time_step_s),
        constraint=constraint,
        log_evidence_of={name: one.log_evidence for name, one in others.items()},
        world=world,
    )


def _few(name: str, one: Constrained) -> str:
    return (
        f"The evidence of {name.replace('_', ' ')} tensors comes from {one.effective:.0f} samples of the full one's "
        "locations only: they lie elsewhere, or the data exclude them."
    )


def _compiled(
    model: Any, receivers: tuple[int, ...], settings: Settings, world: World
) -> tuple[MechanismLikelihood, MechanismSampler]:
    """Return the likelihood and the sampler of a model, whose compiled loops serve all its events."""

    def make() -> tuple[MechanismLikelihood, MechanismSampler]:
        likelihood = MechanismLikelihood(model, receivers, world)
        return likelihood, MechanismSampler(likelihood, settings)

    return cached(model, ("mechanism", receivers, settings, world), make)
