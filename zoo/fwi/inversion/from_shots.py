"""Which velocities explain these shots? Full-waveform inversion of shot gathers from a start model.

    inverted = invert("line.segy", "start.npz", "line", wavelet="ricker:8", settings={"iterations": "50"})
    print(inverted.report())

After Sun et al.: wave propagation is a recurrent network whose weights are the velocities, and inversion is its
training. The same call continues after an interruption.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.errors import UsageError, ZooError
from zoo.files import digest, read_json, sha256, write_json, write_with
from zoo.fwi.inversion.corrections import line_source, with_time_dispersion
from zoo.fwi.inversion.density import density_of
from zoo.fwi.inversion.fit import Settings, fit_velocity
from zoo.fwi.inversion.result import Inversion
from zoo.fwi.inversion.shots_on_grid import to_survey
from zoo.fwi.inversion.streaming import predicted, spread_shots, streams
from zoo.fwi.inversion.survey import Survey
from zoo.fwi.inversion.uncertainty import LEAST_SHOTS, halves
from zoo.fwi.inversion.windows import offsets_m
from zoo.fwi.physics.acoustic import POINTS_PER_WAVELENGTH, highest_frequency_hz, phase_velocity_error
from zoo.fwi.physics.velocity_models import VelocityModel, read_velocity_model
from zoo.fwi.segy.samples import LazyTraces
from zoo.fwi.settings import SETTINGS
from zoo.fwi.shots import Shots, read_shots
from zoo.progress import say
from zoo.settings import read

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["Inversion", "invert", "read_model", "read_settings"]

Notes = tuple[str, ...]

# An error of the farthest records from which it is worth a sentence.
_NOTED_ERROR = 0.05
# Bounds, unless given: the lowest and the highest velocity of the start times these.
_BOUNDS = (0.75, 1.25)
_RUN, _STATE, _WAVELET = "run.json", "state", "wavelet.csv"


def invert(
    shots: Shots | str | os.PathLike | Sequence[str | os.PathLike],
    start: VelocityModel | str | os.PathLike,
    out: str | os.PathLike,
    *,
    geometry: str | os.PathLike | None = None,
    corner_m: tuple[float, float] | None = None,
    datum_m: float | None = None,
    aperture_m: float | None = None,
    wavelet: str | os.PathLike | np.ndarray | None = None,
    truth: VelocityModel | str | os.PathLike | None = None,
    settings: Settings | Mapping[str, Any] | None = None,
    figure_every: int = 10,
    client: Client | None = None,
    engine: str | None = None,
    density: str | os.PathLike | np.ndarray | None = None,
) -> Inversion:
    """Invert shots for velocity and write models, tables and figures to a folder.

    Args:
        shots: in metres from the top left corner of the model, or their file or files (see `zoo.fwi.read_shots`).
        start: the first guess, whose grid the inversion has, or its file (see `read_velocity_model`).
        out: the folder. It keeps the state, so that the same call continues after an interruption.
        geometry: CSV with sources and receivers, for a file of shots that has none.
        corner_m, datum_m: easting and northing, and elevation, of the model's top left corner, for files of shots with
            map coordinates (see `zoo.fwi.read_shots`).
        aperture_m: how far beyond its source and receivers a shot is simulated; None: over the whole model.
        wavelet: `ricker:HZ`, a file, samples, or None: that of the shots, else estimated (see `to_survey`).
        truth: the true model or its file, where it is known, to measure the error against.
        settings: `Settings`, or those that differ from its defaults. Without bounds, velocities stay within 0.75 times
            the start's lowest (or what the grid carries) and 1.25 times its highest.
        figure_every: iterations between pictures of the model in `out`/iterations.
        client: of a cluster whose workers simulate the shots (`zoo.cluster.opened`); None: threads of this process.
        engine: what simulates, "kernels" or "xla" (JAX, on its default device), as in `zoo.fwi.WaveRNN`.
        density: `gardner`, a file, or (Z, X), see `zoo.fwi.inversion.density`; None: constant.

    Returns:
        The inversion, which has been written to `out`.

    Raises:
        ZooError: shots, start, truth and wavelet cannot be read or do not fit each other (see `read_shots`,
            `to_survey`), the folder holds another run, or the misfit is not finite.
        UsageError: a setting that does not exist or has a wrong value.
    """
    if not isinstance(settings, Settings):
        settings = read_settings(settings or {})
    start = start if isinstance(start, VelocityModel) else read_velocity_model(start)
    if truth is not None:
        truth = _on_grid(truth if isinstance(truth, VelocityModel) else read_velocity_model(truth), start)
    shots = shots if isinstance(shots, Shots) else read_shots(shots, geometry, corner_m=corner_m, datum_m=datum_m)
    settings = settings.checked(len(np.unique(shots.shot)))
    if settings.uncertainty == "halves" and len(np.unique(shots.shot)) < LEAST_SHOTS:
        raise UsageError(
            f"uncertainty=halves needs {LEAST_SHOTS} shots or more; received {len(np.unique(shots.shot))}. Leave it "
            "out."
        )

    density, of_density = density_of(density, start)
    out, run = Path(out), _fingerprint(shots, start, wavelet, settings, aperture_m)
    run |= {} if density is None else {"density": digest(density)}
    run["engine"] = engine  # both give the same to some 1e-6, but a run that was begun by one goes on with it
    _claim(out, run)
    if settings.point_source:
        shots = _as_line_source(shots)
    waves = {name: getattr(settings, name) for name in ("order", "width", "free_surface")}
    waves |= {"engine": engine, "density": density}
    kept = out / _WAVELET
    known = wavelet is not None or shots.wavelet is not None
    again = kept.is_file()  # then taken from there: another machine would estimate one with other last digits
    highest_m_s = settings.bounds[1] if settings.bounds else _BOUNDS[1] * float(start.velocity_m_s.max())
    survey, notes = to_survey(
        shots,
        start,
        kept if again else wavelet,
        velocity_max_m_s=highest_m_s,
        final_wavelet=again,
        aperture_m=aperture_m,
        **waves,
    )
    if settings.bounds is None:
        settings = dataclasses.replace(settings, bounds=_bounds(start, survey, highest_m_s, settings.order))
        low, high = settings.bounds
        notes += (f"Velocities were kept within {low:.0f} to {high:.0f} m/s (--set bounds=LOW,HIGH sets others).",)
    notes += (*of_density, *_grid_error(survey, start, settings))
    if streams(survey):
        some = len(spread_shots(survey))
        notes += (f"The fit is looked at without the truth in {some} shots, and one wavelet for all is theirs.",)
    if again:
        notes = tuple(read_json(out / _RUN, "The run in this folder").get("notes", notes))
    else:
        write_json(out / _RUN, {**run, "notes": notes})
        write_with(kept, lambda path: _write_wavelet(survey, path))
    for note in notes:
        say(note)
    if settings.time_dispersion:
        survey = with_time_dispersion(survey)
    held_out = _held_out(survey, settings.hold_out)
    fitted = dataclasses.replace(survey, weights=survey.weights * ~held_out)

    def picture(iteration: int, row: Mapping[str, float], velocity_m_s: np.ndarray) -> None:
        due = iteration % figure_every == 0 or iteration == settings.iterations
        if due and start.shape[1] > 1:
            from zoo.fwi.figures.models import draw_models

            models = {"start": start.velocity_m_s, f"iteration {iteration}": velocity_m_s}
            draw_models(models, start.spacing_m, out / "iterations" / f"{iteration:05d}.png")

    found = fit_velocity(
        start,
        fitted,
        settings,
        folder=out / _STATE,
        truth=truth,
        callback=picture,
        wavelet_known=known,
        client=client,
        engine=engine,
        density=density,
    )
    sd_m_s = None
    if settings.uncertainty == "halves":
        how = {"wavelet_known": known, "engine": engine, "client": client, "density": density}
        sd_m_s = halves(start, fitted, settings, folder=out / _STATE, **how)
    inverted = Inversion(
        start=start,
        velocity_m_s=found.velocity_m_s,
        truth=truth,
        survey=survey,
        held_out=held_out,
        start_predicted=predicted(found.model, start.velocity_m_s, survey, survey.wavelet),
        predicted=predicted(found.model, found.velocity_m_s, survey),
        shot_labels=np.unique(shots.shot),
        settings=settings.completed(known),
        history=tuple(found.history),
        snapshots=found.snapshots,
        source=shots.source,
        notes=notes,
        line=shots.line,
        sd_m_s=sd_m_s,
        density_kg_m3=density,
    )
    inverted.write(out)
    return inverted


def read_model(
    name_or_path: str | os.PathLike, field: str = "start_m_s", data_dir: str | os.PathLike | None = None
) -> VelocityModel:
    """Return a velocity model: a file, or the start or the truth of a prepared dataset `velocity_models/CONFIG`.

    Args:
        name_or_path: as on the command line.
        field: which model of a dataset, `start_m_s` (the start) or `velocity_m_s` (the truth).
        data_dir: where prepared datasets lie.

    Raises:
        ZooError: there is no such file or dataset, or it cannot be read (see `read_velocity_model`).
    """
    name = str(name_or_path)
    if Path(name).expanduser().exists() or not name.startswith("velocity_models/"):
        return read_velocity_model(name_or_path)
    from zoo.data import datasets

    about = datasets.metadata(name, data_dir)
    records = datasets.arrays(name, "model", data_dir)
    return VelocityModel(
        records[field][0], float(about["spacing_m"]), name, str(about["origin"]), records["water_rows"][0]
    )


def read_settings(changes: Mapping[str, Any]) -> Settings:
    """Return the settings of an inversion, with changes as texts or values.

    Raises:
        UsageError: there is no such setting, or a value is not allowed.
    """
    return Settings(**read("An inversion", SETTINGS, changes))


def _grid_error(survey: Survey, start: VelocityModel, settings: Settings) -> Notes:
    """Return a sentence on the error that grid and time step make in the farthest record, where it is worth one."""
    highest_hz = highest_frequency_hz(survey.wavelet, survey.time_step_s)
    # The energy of a wavelet lies around two thirds of the highest frequency: the error at 3 km is then what the exact
    # Green's function shows (29 % of a Ricker wavelet of 7.7 Hz, order 4, 20 m, 1500 m/s).
    middle_hz, slowest = highest_hz * 2 / 3, float(np.median(start.velocity_m_s))
    late = phase_velocity_error(
        slowest, start.spacing_m, survey.time_step_s, middle_hz, settings.order, settings.time_dispersion
    )
    far_m = float(offsets_m(survey, start.spacing_m)[survey.weights > 0].max())
    error = 2 * np.pi * middle_hz * far_m / slowest * abs(late)
    if error < _NOTED_ERROR:
        return ()
    speed = "slow" if late < 0 else "fast"
    return (
        f"Grid and time step make waves of {middle_hz:.3g} Hz {100 * abs(late):.2g} % too {speed}"
        f" at {slowest:.0f} m/s: records at {far_m:.0f} m are off by some {100 * error:.0f} %. Take order=8 with "
        "time_dispersion=true, or a finer grid.",
    )


def _held_out(survey: Survey, every: int) -> np.ndarray:
    """Return which traces (S, R) are left out of the fit: one in `every`, another one in each shot."""
    shot, receiver = np.indices(survey.weights.shape)
    held = (receiver + shot) % every == every // 2 if every else np.zeros(survey.weights.shape, bool)
    recorded = survey.weights > 0
    # With so few traces that a shot would lose more than that share of them, each counts.
    return held & recorded & (recorded.sum(axis=1, keepdims=True) >= 2 * every)


def _as_line_source(shots: Shots) -> Shots:
    """Return shots of point sources as line sources would have made them."""
    note = (
        "Records of point sources were turned into those of line sources: times sqrt(t), integrated by half an order. "
        "That is exact for one velocity and far from the source; their amplitude is solved for."
    )

    def turned(traces: np.ndarray) -> np.ndarray:
        return line_source(traces, shots.time_step_s, shots.first_sample_s)

    lazy = isinstance(shots.traces, LazyTraces)
    traces = shots.traces.then(turned) if lazy else turned(shots.traces)
    return dataclasses.replace(shots, traces=traces, notes=(*shots.notes, note))


def _bounds(start: VelocityModel, survey: Survey, highest_m_s: float, order: int) -> tuple[float, float]:
    """Return bounds where none are given: no velocity so low that the grid does not carry its waves."""
    slowest = float(start.velocity_m_s.min())
    carried = highest_frequency_hz(survey.wavelet, survey.time_step_s) * start.spacing_m * POINTS_PER_WAVELENGTH[order]
    return max(_BOUNDS[0] * slowest, min(carried, slowest)), highest_m_s


def _on_grid(truth: VelocityModel, start: VelocityModel) -> VelocityModel:
    """Return the truth at the start's spacing; refuse one of another size."""
    if truth.spacing_m != start.spacing_m:
        truth = truth.resampled(start.spacing_m)
    if truth.shape != start.shape:
        raise ZooError(
            f"The true model has {truth.shape[0]} x {truth.shape[1]} nodes at {start.spacing_m:g} m, the start "
            f"{start.shape[0]} x {start.shape[1]}; expected the same. Cut one of them."
        )
    return truth


def _fingerprint(
    shots: Shots, start: VelocityModel, wavelet: Any, settings: Settings, aperture_m: float | None
) -> dict[str, Any]:
    """Return what tells one run from another, as plain values."""
    if isinstance(wavelet, np.ndarray):
        wavelet = digest(wavelet)
    elif wavelet is not None and Path(wavelet).is_file():
        wavelet = sha256(Path(wavelet))
    settings_as_lists = {
        name: list(value) if isinstance(value, tuple) else value for name, value in dataclasses.asdict(settings).items()
    }
    return {
        "shots": shots.digest(),
        "start": digest(start.velocity_m_s, start.spacing_m),
        "wavelet": None if wavelet is None else str(wavelet),
        **({} if aperture_m is None else {"aperture_m": aperture_m}),
        **settings_as_lists,
    }


def _claim(out: Path, run: Mapping[str, Any]) -> None:
    """Write the fingerprint of a run to its folder; refuse a folder that holds another run's state or results."""
    from zoo.fwi.inversion.state import STATE

    if out.exists() and not out.is_dir():
        raise ZooError(f"{out} is a file. Give a folder for the results.")
    path = out / _RUN
    before = read_json(path, "The run in this folder") if path.is_file() else {}
    other = [name for name in run if not isinstance(before, dict) or before.get(name) != run[name]]
    if not other:
        return
    if (out / _STATE / STATE).is_file() or (out / "summary.json").is_file():
        said = f"{', '.join(other[:5])} {'differs' if len(other) == 1 else 'differ'}" if before else f"no {_RUN}"
        raise ZooError(
            f"{out} holds another run ({said}). Choose another folder, repeat the command that it was made with to "
            "continue it, or delete it."
        )
    (out / _WAVELET).unlink(missing_ok=True)
    write_json(path, run)


def _write_wavelet(survey: Survey, path: Path) -> None:
    """Write the wavelet, which all shots share, as CSV."""
    samples = survey.wavelet[0]
    rows = (f"{i * survey.time_step_s:.9g},{value:.9g}" for i, value in enumerate(samples))
    path.write_text("\n".join(["time_s,amplitude", *rows]) + "\n", encoding="utf-8")
