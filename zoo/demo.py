"""`zoo demo`: a short chapter per system, each ending in figures and an answer."""

from __future__ import annotations

import importlib.util
import os
import time
from pathlib import Path
from typing import Any

from zoo.progress import say


def run(out: str | os.PathLike) -> None:
    """Run every chapter and write its figures into a folder of its own below `out`."""
    start = time.monotonic()
    folder = Path(out)
    for number, (title, chapter) in enumerate(CHAPTERS.items(), 1):
        say(f"\n{number}. {title}")
        chapter(folder / f"{number}-{title.lower().replace(' ', '-')}")
    say(f"\nThe demo took {time.monotonic() - start:.0f} s. Look at the pictures in {folder.resolve()}")


def microseismic(folder: Path) -> None:
    """Locate a held-out event with a pretrained emulator, from noisy traces at four receivers."""
    import numpy as np

    from zoo import registry
    from zoo.files import write_with
    from zoo.microseismic import locate, marine_model, read_traces
    from zoo.microseismic.figures.earth import draw_elastic_model, draw_emulation

    name = registry.full_name("cvae_emulator")
    say(f"   zoo.load({name!r}): a network that stands for a simulator of elastic waves")
    model = registry.load(name)
    # Events that training has not seen, simulated by finite differences; they travel with the model.
    with np.load(registry.find(name) / "golden.npz", allow_pickle=False) as stored:
        sample = {key: stored[key] for key in stored.files}
    places, traces = sample["coordinates_km"], sample["traces"]
    emulated = np.asarray(model(places))
    chosen = np.argsort(places[:, 2])[[2, 10, 17]]
    folder.mkdir(parents=True, exist_ok=True)
    draw_emulation(
        traces[chosen, 0], emulated[chosen, 0], places[chosen], model.time_step_s, folder / "emulated-traces.png"
    )
    draw_elastic_model(marine_model(), folder / "earth-model.png", model.receivers_km, places)

    event = int(chosen[1])
    used = slice(1, 5)  # the paper's four receivers above the diagonal
    noise = np.random.default_rng(0).normal(scale=sample["noise_sd"], size=traces[event, used].shape)
    observed = write_with(
        folder / "observed.npz",
        lambda path: np.savez_compressed(
            path,
            traces=(traces[event, used] + noise).astype(np.float32),
            receivers_km=model.receivers_km[used],
            sampling_rate_hz=1 / model.time_step_s,
            noise_sd=sample["noise_sd"],
            source_km=places[event],
        ),
    )
    say(f"   zoo locate {observed} --model {name} --out {folder}")
    location = locate(read_traces(observed), model)
    location.write(folder)
    print(location.report())
    _compare_with_arrivals(folder, observed, location)
    _invert_source(folder / "mechanism")


def _compare_with_arrivals(folder: Path, observed: Path, by_waveforms: Any) -> None:
    """Locate the same event by its arrival times alone, and draw both posteriors."""
    from zoo.microseismic import locate_by_arrivals, read_traces
    from zoo.microseismic.figures.emulators import draw_posteriors

    if importlib.util.find_spec("skfmm") is None:
        say("   Location by arrival times is left out: it needs scikit-fmm (pip install 'seismic-zoo[eikonal]').")
        return
    say(f"   zoo locate {observed} --by arrivals --out {folder / 'by-arrivals'}")
    by_arrivals = locate_by_arrivals(read_traces(observed))
    by_arrivals.write(folder / "by-arrivals")
    say("   " + "\n   ".join(by_arrivals.parameter_lines()))
    # By arrival times the earth is taken as exact.
    found = {"waveforms, earth 2 % uncertain": by_waveforms, "arrival times, earth known": by_arrivals}
    samples = {label: posterior.samples.samples[:, :3] for label, posterior in found.items()}  # places alone
    draw_posteriors(samples, by_waveforms.source_km, folder / "waveforms-and-arrivals.png")


def _invert_source(folder: Path) -> None:
    """Infer location and moment tensor of a held-out double couple together."""
    import numpy as np

    from zoo import registry
    from zoo.files import write_with
    from zoo.microseismic import mechanism, read_traces
    from zoo.microseismic.physics.moment_tensor import source_type

    name = registry.full_name("greens_emulator")
    model = registry.load(name)
    with np.load(registry.find(name) / "golden.npz", allow_pickle=False) as stored:
        sample = {key: stored[key] for key in stored.files}
    tensors = sample["moment_tensor_n_m"]
    event = int(source_type(tensors)[:, 2].argmax())  # the purest double couple
    noise = np.random.default_rng(0).normal(scale=sample["noise_sd"][event], size=sample["traces"][event].shape)
    observed = write_with(
        folder / "observed.npz",
        lambda path: np.savez_compressed(
            path,
            traces=(sample["traces"][event] + noise).astype(np.float32),
            receivers_km=model.receivers_km,
            sampling_rate_hz=1 / model.time_step_s,
            noise_sd=sample["noise_sd"][event],
            source_km=sample["coordinates_km"][event],
        ),
    )
    say(f"   zoo mechanism {observed} --model {name} --out {folder}")
    found = mechanism(read_traces(observed), model, true_tensor_n_m=tensors[event])
    found.write(folder)
    print(found.report())


def crustal_thickness(folder: Path) -> None:
    """Invert a synthetic map of phase velocities, of which the truth is known, for crustal thickness."""
    import dataclasses

    import numpy as np

    from zoo import registry
    from zoo.crust import inversion as crust
    from zoo.crust.maps import ThicknessMap, read_dispersion_map
    from zoo.crust.physics.prior import EarthPrior, draw_dispersion
    from zoo.files import write_with

    name = registry.full_name("mdn_crust")
    say(f"   zoo.load({name!r}): a network trained on the curves of synthetic Earths")
    model = registry.load(name)
    say("   Synthetic data: a plateau with a root beside a basin; below each point another random Earth with that")
    say("   thickness, its phase velocities by the solver, 0.5 % of noise. (The solver compiles itself once.)")
    longitude, latitude = (part.ravel() for part in np.meshgrid(np.arange(90, 106.1, 0.8), np.arange(26, 38.1, 0.8)))
    plateau = 1 / (1 + np.exp((longitude - 98 - 0.25 * (latitude - 32)) / 0.8))
    root = np.exp(-(((longitude - 94) / 2.5) ** 2) - ((latitude - 31) / 2) ** 2)
    basin = np.exp(-(((longitude - 102.5) / 2.2) ** 2) - ((latitude - 30) / 2.5) ** 2)
    thickness_km = 42 + 21 * plateau + 9 * root - 9 * basin
    rng = np.random.default_rng(0)
    curves = []
    for point, moho_km in enumerate(thickness_km):
        prior = dataclasses.replace(EarthPrior.named("cheng2019"), moho_km=(moho_km, moho_km))
        drawn = draw_dispersion(prior, model.frequency_hz, np.zeros(0), seed=100, first=point, count=1)
        curves.append(drawn["phase_velocity_km_s"][0])
    sd = 0.005 * np.array(curves)
    rows = np.stack(
        np.broadcast_arrays(
            longitude[:, None], latitude[:, None], 1 / model.frequency_hz, curves + sd * rng.normal(size=sd.shape), sd
        ),
        axis=-1,
    )
    observed = write_with(
        folder / "velocities.csv",
        lambda path: np.savetxt(
            path,
            rows.reshape(-1, 5),
            fmt=("%.1f", "%.1f", "%.4f", "%.4f", "%.4f"),
            delimiter=",",
            header="lon,lat,period_s,phase_velocity_km_s,sd_km_s",
            comments="",
        ),
    )
    say(f"   zoo crust {observed} --model {name} --out {folder}")
    truth = ThicknessMap(longitude, latitude, thickness_km, "synthetic")
    inverted = crust.invert(read_dispersion_map(observed), name, reference=truth, reference_name="the truth")
    inverted.write(folder)
    print(inverted.report())
    say("   overview.png has the answer on a page, comparison.png the truth beside it.")


def waveform_inversion(folder: Path) -> None:
    """Shoot over a synthetic section and find its velocities from the records, starting from a smooth model."""
    import shutil

    import numpy as np

    from zoo.files import write_with
    from zoo.fwi import Survey, invert, ricker, simulate
    from zoo.fwi.physics.velocity_models import folded, write_velocity_model

    truth = folded(rows=45, columns=120, spacing_m=20.0)
    start = truth.smoothed(160.0)
    true_file, start_file = (
        write_velocity_model(m, folder / n) for m, n in ((truth, "true.npz"), (start, "start.npz"))
    )
    say("   Synthetic data: 8 shots over folds, faults and salt, waves by finite differences; the start is smooth.")
    time_step_s, samples, columns = 0.002, 700, truth.shape[1]
    sources = np.stack([np.full(8, 1), np.linspace(5, columns - 6, 8).astype(int)], axis=1)
    receivers = np.stack([np.full(columns // 2, 1), np.arange(0, columns, 2)], axis=1)
    wavelet = np.tile(ricker(6.0, time_step_s, samples), (len(sources), 1))
    records = simulate(truth.velocity_m_s, truth.spacing_m, Survey(wavelet, sources, receivers, time_step_s))
    shots = write_with(
        folder / "shots.npz",
        lambda path: np.savez_compressed(
            path,
            observed=records,
            time_step_s=time_step_s,
            sources_m=sources * truth.spacing_m,
            receivers_m=receivers * truth.spacing_m,
        ),
    )
    out = folder / "inverted"
    shutil.rmtree(out, ignore_errors=True)  # of an earlier demo
    say(
        f"   zoo fwi {shots} --start {start_file} --wavelet ricker:6 --true {true_file} --out {out} --set iterations=40"
    )
    print(invert(shots, start_file, out, wavelet="ricker:6", truth=true_file, settings={"iterations": 40}).report())
    say("   overview.png has start, inverted and true model on a page, shots.png the traces.")


def waveform_archives(folder: Path) -> None:
    """Prepare a dataset of synthetic seismograms, look at it, and hand it to SeisBench."""
    import shutil

    from zoo.data import datasets
    from zoo.seismograms import export, show

    data, name = folder / "datasets", "local_seismograms/mini"
    shutil.rmtree(folder, ignore_errors=True)  # left by an earlier demo
    say("   Synthetic data: local earthquakes, explosions and noise, each with its P and S. Real archives (STEAD,")
    say("   LEN-DB, your own explosions by FDSN, any SeisBench set) are prepared by the same command.")
    say(f"   zoo prepare {name} --data-dir {data}")
    datasets.prepare(name, data)
    picture = show(name, folder / "seismograms.png", data_dir=data)
    say(f"   zoo export {name} --data-dir {data} --out {folder / 'seisbench'}")
    export(name, folder / "seisbench", data_dir=data)
    source = datasets.data_source(name, "train", data_dir=data)
    first = source[0]
    p, s = first["trace_p_arrival_sample"], first["trace_s_arrival_sample"]
    print(f"{len(source)} records to train on; the first: {first['trace_category']}, P at {p:.0f}, S at {s:.0f}")
    say(f"   {picture.name} shows some of them; seisbench/ opens with SeisBench.")


def phase_picking(folder: Path) -> None:
    """Pick P and S of synthetic earthquakes in ten minutes of three stations, and compare with where they are."""
    import shutil

    import numpy as np
    from obspy import Stream, Trace, UTCDateTime

    from zoo import registry
    from zoo.files import write_with
    from zoo.seismograms import annotate_files
    from zoo.seismograms.physics.days import RATE_HZ, continuous

    shutil.rmtree(folder, ignore_errors=True)  # left by an earlier demo
    name = registry.full_name("phase_picker")
    say(f"   zoo.load({name!r}): a U-Net that gives the probability of P and S at every sample")
    say("   Synthetic data: ten minutes of noise at three stations, each with five earthquakes of known P and S.")
    start, stream, truth = UTCDateTime("2021-01-01T12:00:00"), Stream(), []
    origins = np.array([6_000, 16_000, 26_000, 36_000, 46_000])
    for number in range(3):
        station = f"DEMO{number}"
        record, planted = continuous(10, 5, seed=number, snr=(4.0, 30.0), p_samples=origins + 150 * number)
        header = {"network": "XX", "station": station, "starttime": start, "sampling_rate": RATE_HZ}
        parts = zip("ZNE", record, strict=True)
        stream += Stream([Trace(data, {**header, "channel": f"HH{component}"}) for component, data in parts])
        truth += [(station, "P", start + event.p_sample / RATE_HZ) for event in planted]
        truth += [(station, "S", start + event.s_sample / RATE_HZ) for event in planted]
    file = write_with(folder / "continuous.mseed", lambda path: stream.write(str(path), format="MSEED"))
    say(f"   zoo annotate {file} --model {name} --out {folder / 'picked'}")
    picked = annotate_files([file], name, folder / "picked")
    print(picked.report())
    for phase in "PS":
        known = [(station, time) for station, which, time in truth if which == phase]
        own = [pick for pick in picked.picks if pick.phase == phase]
        near = [min((abs(p.time - time) for p in own if p.station == code), default=9.0) for code, time in known]
        right_s = [residual_s for residual_s in near if residual_s <= 0.5]
        error_ms, others = 1e3 * np.median(right_s), len(own) - len(right_s)
        print(f"{phase}: {len(right_s)} of {len(known)} found, median error {error_ms:.0f} ms; {others} other picks")
    say("   picked/overview.png has all picks, event-1-stations.png traces with their probabilities.")


def picks_to_catalogue(folder: Path) -> None:
    """Make a catalogue of two hours of real picks, and compare it with one that others made."""
    from zoo.seismograms.demo import chapter

    events = chapter(folder)
    say(f"   zoo seismicity reads {events}, and asks what in it is anomalous; two hours are short for that.")


def anomalous_seismicity(folder: Path) -> None:
    """Find a swarm, a burst and a mainshock in a simulated catalogue."""
    from zoo.seismicity.demo import chapter

    chapter(folder)


CHAPTERS = {
    "Microseismic location": microseismic,
    "Crustal thickness": crustal_thickness,
    "Full-waveform inversion": waveform_inversion,
    "Waveform archives": waveform_archives,
    "Phase picking": phase_picking,
    "Picks to a catalogue": picks_to_catalogue,
    "Anomalous seismicity": anomalous_seismicity,
}
