"""Full-waveform inversion as the training of a recurrent network (Sun et al.): settings and `fit_velocity`.

    survey = Survey(wavelet, sources, receivers, time_step_s)
    observed = simulate(true.velocity_m_s, true.spacing_m, survey)
    result = fit_velocity(true.smoothed(200), replace(survey, observed=observed), Settings(iterations=100))

Velocities are (z, x) in m/s, traces (shots, time, receivers).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from zoo.errors import UsageError, ZooError
from zoo.files import digest
from zoo.fwi.inversion.streaming import Observed, parts, streamed, streams, stretches
from zoo.fwi.inversion.survey import Survey, free_cells
from zoo.fwi.physics import acoustic
from zoo.fwi.settings import SCIPY_OPTIMIZERS, SETTINGS

if TYPE_CHECKING:
    from distributed import Client

    from zoo.fwi.models.inversion import WaveInversion
    from zoo.fwi.physics.velocity_models import VelocityModel

__all__ = ["Result", "Settings", "fingerprint", "fit_velocity"]

# A learning rate above this is one of velocities, in m/s, and not one of a network's weights.
_LARGEST_NETWORK_RATE = 0.1


@dataclass(frozen=True)
class Settings:
    """How to invert: a value for each of `zoo.fwi.settings.SETTINGS`, which say what they mean, in which unit.

    The data are scaled to an rms of 1 first, so learning rates do not depend on their unit.
    """

    optimizer: str = SETTINGS["optimizer"].default
    learning_rate: float = SETTINGS["learning_rate"].default
    damping: float = SETTINGS["damping"].default
    iterations: int = SETTINGS["iterations"].default
    misfit: str = SETTINGS["misfit"].default
    batch_size: int | None = SETTINGS["batch_size"].default
    bands_hz: tuple[float, ...] = SETTINGS["bands_hz"].default
    bounds: tuple[float, float] | None = SETTINGS["bounds"].default
    taper_m: float = SETTINGS["taper_m"].default
    freeze_water: bool = SETTINGS["freeze_water"].default
    amplitudes: str | None = SETTINGS["amplitudes"].default
    wavelet_every: int = SETTINGS["wavelet_every"].default
    wavelet_per_shot: bool = SETTINGS["wavelet_per_shot"].default
    mute_m: float = SETTINGS["mute_m"].default
    mute_early: bool = SETTINGS["mute_early"].default
    offsets_m: tuple[float, ...] = SETTINGS["offsets_m"].default
    windows_s: tuple[float, ...] = SETTINGS["windows_s"].default
    point_source: bool = SETTINGS["point_source"].default
    time_dispersion: bool = SETTINGS["time_dispersion"].default
    hold_out: int = SETTINGS["hold_out"].default
    uncertainty: str = SETTINGS["uncertainty"].default
    total_variation: float = SETTINGS["total_variation"].default
    network: bool = SETTINGS["network"].default
    order: int = SETTINGS["order"].default
    width: int = SETTINGS["width"].default
    free_surface: bool = SETTINGS["free_surface"].default
    seed: int = SETTINGS["seed"].default

    def stages(self) -> list[tuple[float | None, int]]:
        """Return the corner (None: all frequencies) and the number of iterations of each stage."""
        corners = [*self.bands_hz, None]
        return [(c, len(p)) for c, p in zip(corners, np.array_split(range(self.iterations), len(corners)), strict=True)]

    def completed(self, wavelet_known: bool) -> Settings:
        """Return the settings with what follows from whether the wavelet is given put in where they say none."""
        return replace(self, amplitudes=self.amplitudes or ("absolute" if wavelet_known else "per-trace"))

    def checked(self, shots: int) -> Settings:
        """Return the settings if they fit each other and the number of shots.

        Raises:
            UsageError: they do not, or name no optimizer or misfit.
        """
        from zoo.fwi.inversion import misfits as fwi_misfits
        from zoo.fwi.inversion import optimizers as fwi_optimizers

        fwi_misfits.misfit(self.misfit)  # both refuse names that they do not know
        fwi_optimizers.optimizer(self.optimizer, self.learning_rate)
        if self.iterations < len(self.bands_hz) + 1:
            raise UsageError(f"{len(self.bands_hz) + 1} stages need as many iterations; received {self.iterations}.")
        for name in ("offsets_m", "windows_s"):
            if len(getattr(self, name)) not in (0, 1, len(self.bands_hz) + 1):
                raise UsageError(
                    f"{name} has {len(getattr(self, name))} values; expected one, or one for each of the "
                    f"{len(self.bands_hz) + 1} stages (bands_hz and the last one)."
                )
        if self.batch_size is not None and not 1 <= self.batch_size <= shots:
            raise UsageError(f"A batch has 1 to {shots} shots, all there are; received {self.batch_size}.")
        if self.optimizer in SCIPY_OPTIMIZERS and self.batch_size not in (None, shots):
            raise UsageError(f"{self.optimizer} needs the gradient of all shots: leave batch_size out.")
        if self.bounds is not None and not 0 < self.bounds[0] < self.bounds[1]:
            raise UsageError(f"Bounds are a lowest and a highest velocity in m/s; received {self.bounds}.")
        if self.network and self.optimizer not in SCIPY_OPTIMIZERS and self.learning_rate > _LARGEST_NETWORK_RATE:
            raise UsageError(
                f"With a network the learning rate is that of its weights, about 1e-3; received {self.learning_rate}."
            )
        return self


@dataclass
class Result:
    """What a fit found.

    Args:
        velocity_m_s: (Z, X), the last model; with scipy's methods, the one with the lowest misfit.
        history: a row per iteration: iteration, stage, loss (of data with rms 1 in the stage's band, before the
            iteration's step; with scipy's methods, the lowest so far), gradients (number of single shots' gradients so
            far), cpu_s, and model_rmse_m_s where the truth is given.
        snapshots: iteration -> (Z, X) m/s, about twenty; 0 is the start.
        model: the trained Keras model; it holds the survey.
    """

    velocity_m_s: np.ndarray
    history: list[dict[str, float]]
    snapshots: dict[int, np.ndarray] = field(repr=False)
    model: WaveInversion = field(repr=False)


def fit_velocity(
    start: VelocityModel,
    survey: Survey,
    settings: Settings | None = None,
    *,
    folder: str | os.PathLike | None = None,
    truth: VelocityModel | np.ndarray | None = None,
    callback: Callable[[int, Mapping[str, float], np.ndarray], None] | None = None,
    wavelet_known: bool = True,
    client: Client | None = None,
    engine: str | None = None,
    density: np.ndarray | None = None,
) -> Result:
    """Find the velocities whose traces are the observed ones.

    Args:
        start: the first guess, and the grid; its water is kept (`Settings.freeze_water`).
        survey: with `observed`.
        settings: by default `Settings()`.
        folder: where the state lies, so that the same call continues after an interruption; scipy's methods continue
            from the best model, without their memory of earlier gradients.
        truth: the true model (Z, X), where it is known, to measure the error against.
        wavelet_known: whether the survey's wavelet is right but for its amplitude. If not, it is a first estimate, and
            solved for as `Settings.wavelet_every` says.
        engine: what simulates, "kernels" or "xla", as in `zoo.fwi.WaveRNN`.
        callback: callback(iteration, row of the history, velocity (Z, X)), called after every iteration.
        client: of a cluster whose workers simulate the shots (`zoo.cluster.opened`); None: threads of this process.
        density: (Z, X) in any unit, which stays as it is; None: constant.

    Raises:
        ZooError: as in `Survey.checked`; a start out of bounds; a misfit that is not finite: the message says at
            which iteration, and `folder` keeps the last good model as last_good.npz.
        UsageError: settings that do not fit each other.
    """
    import keras

    from zoo.fwi.inversion import misfits as fwi_misfits
    from zoo.fwi.inversion import optimizers as fwi_optimizers
    from zoo.fwi.inversion.source import SourceSolver
    from zoo.fwi.inversion.state import InversionState
    from zoo.fwi.inversion.wavelet import nearness, peak_of
    from zoo.fwi.inversion.windows import first_arrivals, of_stage
    from zoo.fwi.models.inversion import WaveInversion, siren
    from zoo.fwi.models.wave_apertures import waves_of
    from zoo.training.batches import batches
    from zoo.training.epochs import ordered_steps

    settings = settings or Settings()
    survey = survey.checked(start.velocity_m_s, start.spacing_m, settings.order)
    if survey.observed is None:
        raise ZooError("The survey has no observed traces: there is nothing to invert.")
    shots = len(survey.sources)
    settings = settings.checked(shots).completed(wavelet_known)
    water = start.water_rows if settings.freeze_water else None
    mask = free_cells(start.shape, survey.sources, settings.taper_m / start.spacing_m, water)
    _check_bounds(start, mask, survey, settings)

    keras.utils.set_random_seed(settings.seed)
    options = {name: getattr(settings, name) for name in ("order", "width", "free_surface", "bounds")}
    model = WaveInversion(network=siren() if settings.network else None)
    sought = start.velocity_m_s if settings.bounds is None else np.clip(start.velocity_m_s, *settings.bounds)
    sought = np.asarray(sought, np.float32)
    waves = waves_of(sought, start.spacing_m, survey, engine=engine, density=density, **options)
    if client is not None:
        waves.spread(client)
    model.configure(waves, survey.wavelet, survey.numbered, mask, start.velocity_m_s)
    size = settings.batch_size or shots
    true = None if truth is None else np.asarray(getattr(truth, "velocity_m_s", truth), np.float32)
    every = settings.wavelet_every
    if settings.optimizer in SCIPY_OPTIMIZERS and every:
        every = settings.iterations  # once a stage: they compare misfits
    peak_hz = None if wavelet_known else peak_of(survey, start, settings.order)
    counts = None if wavelet_known else nearness(survey, start.spacing_m)
    solver = SourceSolver(peak_hz, settings.wavelet_per_shot, settings.amplitudes == "per-trace", counts)
    arrivals = None
    if settings.windows_s or settings.mute_early:
        parted = (model.traces(start.velocity_m_s, shots=some) for some in stretches(survey))
        arrivals = np.concatenate([first_arrivals(traces) for traces in parted])
    known = fingerprint(start, survey) + (() if density is None else (density,))
    plan = {"settings": asdict(settings), "data": digest(*known)}
    state = InversionState(model, plan, start.spacing_m, settings, size * (shots // size), folder, true, callback)
    state.open()
    count = parts(survey, size)
    if streams(survey) and settings.optimizer in SCIPY_OPTIMIZERS:
        raise UsageError(
            f"{settings.optimizer} needs the traces of all shots in memory, and these are too many. Use adam."
        )
    for number, (corner_hz, iterations) in enumerate(settings.stages(), 1):
        if number < state.stage:
            continue
        # An optimizer of its own for each stage: what it remembers of gradients is in the units of the stage before.
        optimizer = fwi_optimizers.optimizer(settings.optimizer, settings.learning_rate, settings.damping)
        if count > 1:
            optimizer.gradient_accumulation_steps = count
        model.compile(optimizer, fwi_misfits.misfit(settings.misfit, settings.amplitudes), jit_compile=False)
        first = state.begin_stage(number)
        if first < iterations:
            part = of_stage(survey, settings, number, start.spacing_m, arrivals)
            filtered = part.low_passed(corner_hz) if corner_hz else part
            rms = filtered.rms()
            filtered = filtered.divided(rms)
            model.variation = settings.total_variation * _largest_misfit(settings.misfit, filtered)
        while first < iterations:
            if every and first % every == 0:
                # Muted traces tell most of a wavelet that is not known: the nearest, where no model is in its shape.
                heard = part if wavelet_known else replace(part, weights=survey.weights)
                model.wavelet.assign(solver.solved(model, heard))
            last = min(iterations, first + every - first % every) if every else iterations
            pulses = replace(part, wavelet=np.asarray(model.wavelet), observed=None)
            pulses = (pulses.low_passed(corner_hz) if corner_hz else pulses).wavelet / np.float32(rms)
            data = _examples(filtered, pulses)
            if streams(survey):
                examples = streamed(data, size, count, settings.seed, first)
            else:
                examples = batches(data, size, settings.seed, first)
            with ordered_steps():
                model.fit(
                    examples,
                    steps_per_epoch=shots // size * count,
                    initial_epoch=first,
                    epochs=last,
                    callbacks=[state],
                    shuffle=False,
                )
            first = last
        state.end_stage()
    return Result(model.velocity_m_s, state.rows, state.snapshots, model)


def _check_bounds(start: VelocityModel, mask: np.ndarray, survey: Survey, settings: Settings) -> None:
    if settings.bounds is None:
        return
    low, high = settings.bounds
    free = start.velocity_m_s[mask > 0]
    if free.size and (free.min() < low or free.max() > high):
        raise ZooError(
            f"The start has velocities of {free.min():.0f} to {free.max():.0f} m/s, the bounds are {low:g} and "
            f"{high:g}. Widen them or choose another start."
        )
    dimensions = 1 if start.shape[1] == 1 else 2
    acoustic.check_stability(high, start.spacing_m, survey.time_step_s, settings.order, dimensions)


def _largest_misfit(misfit: str, survey: Survey) -> float:
    """Return the misfit of a prediction of zero, in which the weight of the total variation is told.

    The survey is one whose traces that count have an rms of 1.
    """
    shots, samples, receivers = survey.observed.shape
    traces = shots * receivers if survey.weights is None else np.count_nonzero(survey.weights)
    return 1.0 if misfit == "correlation" else 0.5 * samples * traces / shots


def _examples(survey: Survey, wavelet: np.ndarray) -> tuple:
    """Return what `WaveInversion.fit` is given for a survey: inputs with a wavelet (S, T), traces and weights."""
    inputs = (wavelet, survey.numbered)
    if survey.windows is not None and streams(survey):
        inputs += (Observed(lambda shot: survey.mask([shot])[0], survey.observed.shape, "mask"),)
    elif survey.windows is not None or survey.weights is not None:
        inputs += (survey.mask(),)
    return (inputs, survey.observed) + (() if survey.weights is None else (survey.weights,))


def fingerprint(start: VelocityModel, survey: Survey) -> tuple:
    """Return what tells one inversion's data from another's, for `zoo.files.digest`."""
    observed = survey.observed.told if isinstance(survey.observed, Observed) else survey.observed
    arrays = (start.velocity_m_s, survey.wavelet, survey.sources, survey.receivers, observed, survey.weights)
    arrays += () if survey.columns is None else (survey.columns,)
    return start.spacing_m, survey.time_step_s, *arrays
