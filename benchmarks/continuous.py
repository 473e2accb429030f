"""A phase picker on continuous data: false picks, arrivals found, what its probabilities are worth.

    python benchmarks/continuous.py [--model phase_picker] [--data-dir DIR]

Datasets (zoo prepare ..., see datasets/picked_streams/README.md): picked_streams/pnw_stations, picked_streams/esec,
ncedc_picks/phasenet_demo, stead/sample; those that are not prepared are left out. "False": a pick in the 44 s before
catalogued events, at stations that the picker was not trained on; picks near which PhaseNet has one of 0.3 or more are
counted apart, as weak. Thresholds are the picker's default ones unless another is stated.

Probabilities: with one event in ten minutes, of the picks of a probability of 0.2 to 0.3, say, a quarter should be
right. The stations are dealt into four parts; odds are fitted on three and checked on the fourth, in turn.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import numpy as np
from table import print_table

from zoo import registry
from zoo.data import datasets
from zoo.errors import ZooError
from zoo.progress import say
from zoo.seismograms.picking import calibration, continuous, labelled
from zoo.seismograms.picking.calibration import Calibration

PNW, ESEC, NCEDC, STEAD = (
    "picked_streams/pnw_stations:test",
    "picked_streams/esec:test",
    "ncedc_picks/phasenet_demo:test",
    "stead/sample:all",
)
PER_MINUTE = (0.5, 0.1, 0.05, 0.03, 1 / 60)
BINS = (0.1, 0.3, 0.5, 0.7, 0.9, 1.0)
PARTS = 4
FEWEST = 8
"""Picks, true and false, below which a bin is not judged."""
HOURS = ("ref_STS2", "ref_unknown")
"""ObsPy's own two hours of noise."""


def records_of(name: str, data_dir: str | None) -> dict[str, np.ndarray] | None:
    """Return the records of NAME/CONFIG:SPLIT; None, and a line, where they are not prepared."""
    try:
        return datasets.arrays(*datasets.named_part(name), data_dir, (*labelled.FEATURES, "station_code"))
    except ZooError as error:
        say(f"Left out: {error}")
        return None


def some(records: dict[str, np.ndarray], wanted: np.ndarray) -> dict[str, np.ndarray]:
    return {name: values[wanted] for name, values in records.items()}


def reliability(true: np.ndarray, arrivals: int, false: np.ndarray, hours: float, rate: float) -> list[tuple]:
    """Return low, high, stated, right, its error, picks of each bin of probability, at `rate` events an hour."""
    rows = []
    for low, high in zip(BINS[:-1], BINS[1:], strict=True):
        hit, miss = (values[(values >= low) & (values < high)] for values in (true, false))
        if len(hit) + len(miss) < FEWEST:
            continue
        weight = np.concatenate([np.full(len(hit), rate / arrivals), np.full(len(miss), 1 / hours)])
        stated = float(np.average(np.concatenate([hit, miss]), weights=weight))
        right = float(weight[: len(hit)].sum() / weight.sum())
        error = right * (1 - right) * np.sqrt(1 / max(len(hit), 1) + 1 / max(len(miss), 1))
        rows.append((low, high, stated, right, error, len(hit) + len(miss)))
    return rows


def noise_and_arrivals(measured: dict[str, continuous.Measured], known: Calibration) -> None:
    """Print false picks, and what is found at given rates of them."""
    noise = measured[PNW]
    header = ("", *(f"{what} {p}" for p in "PS" for what in ("false a minute,", "weak a minute,")), "minutes")
    rows = []
    for name in (PNW, ESEC):
        if name in measured:
            scores = continuous.score(measured[name], {p: known.threshold(p) for p in "PS"})
            keys = [f"{what}_{p}_per_minute" for p in "ps" for what in ("false", "weak")]
            rows.append([name, *(f"{scores[key]:.3f}" for key in keys), f"{scores['noise_minutes']:.0f}"])
    print_table("Picks in noise at the default threshold", header, rows)
    for phase in "PS":
        falling = np.sort(noise.false[phase])[::-1]
        thresholds = [known.threshold(phase)]
        for rate in PER_MINUTE:
            allowed = int(rate * noise.noise_minutes)
            thresholds.append(float(falling[allowed]) if allowed < len(falling) else 0.0)
        rows = [
            [name, str(len(of.arrivals[phase])), *(f"{(of.arrivals[phase] > t).mean():.3f}" for t in thresholds)]
            for name, of in measured.items()
            if len(of.arrivals[phase])
        ]
        header = ("", "arrivals", "default", *(f"{rate:.2g} a minute" for rate in PER_MINUTE))
        print_table(f"{phase} found within 0.5 s at so many false {phase} a minute of PNW noise", header, rows)
    rows = []
    for name in (NCEDC, STEAD):
        for phase in "PS" if name in measured else "":
            of = measured[name]
            residual = np.abs(of.residual_s[phase])
            share = [f"{(residual <= t).sum() / len(of.arrivals[phase]):.3f}" for t in (0.1, 0.2, 0.5)]
            stated = known.uncertainty_s(phase, of.size[phase], of.width_s[phase])
            within = [f"{(residual <= factor * stated).mean():.3f}" for factor in (1, 2)]
            rows.append([f"{name}, {phase}", *share, f"{np.median(stated):.3f}", *within])
    header = ("", "0.1 s", "0.2 s", "0.5 s", "median stated, s", "within it (0.683)", "within twice")
    print_table("Times beside an analyst's, and the stated uncertainty", header, rows)


def probabilities(records: dict, measured: dict, picker, model) -> None:
    """Print the reliability of probabilities, fitted at some stations and checked at others."""
    codes = np.asarray(records["station_code"]).astype(str)
    part = np.array([hashlib.blake2b(code.encode(), digest_size=1).digest()[0] % PARTS for code in codes])
    parts = [
        continuous.measure(picker, some(records, part == number), model.samples, model.sampling_rate_hz)
        for number in range(PARTS)
    ]
    others = [measured[name] for name in (STEAD,) if name in measured]
    rate, rows = calibration.EVENTS_PER_HOUR, []
    for phase in "PS":
        true, false, arrivals, hours = [], [], 0, 0.0
        for number, checked in enumerate(parts):
            pool = continuous.pooled([*parts[:number], *parts[number + 1 :], *others])
            fitted = continuous.calibrated(pool, pool)
            true.append(fitted.probability(phase, checked.arrivals[phase][checked.arrivals[phase] > 0]))
            false.append(fitted.probability(phase, checked.false[phase]))
            arrivals, hours = arrivals + len(checked.arrivals[phase]), hours + checked.noise_minutes / 60
        found = reliability(np.concatenate(true), arrivals, np.concatenate(false), hours, rate)
        rows += [
            [phase, f"{a:.1f} to {b:.1f}", f"{s:.2f}", f"{r:.2f} ± {e:.2f}", f"{r - s:+.2f}", str(n)]
            for a, b, s, r, e, n in found
        ]
    print_table(
        f"Probabilities at {rate:g} events an hour, other stations than those they were fitted on",
        ("", "probability", "stated", "right", "gap", "picks"),
        rows,
    )


def hours_of_noise(model) -> None:
    """Print the picks in ObsPy's hours of noise."""
    import obspy

    from zoo.seismograms import classify

    folder = Path(obspy.__file__).parent / "signal" / "tests" / "data"
    rows = []
    for name in HOURS:
        picks = classify(obspy.read(str(folder / name)), model)
        rows.append([name, *(str(sum(pick.phase_hint == phase for pick in picks)) for phase in "PS")])
    print_table("Picks in ObsPy's hours of noise, default threshold", ("", "P", "S"), rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="phase_picker")
    parser.add_argument("--data-dir", help="folder of prepared datasets")
    args = parser.parse_args()
    model = registry.load(args.model, answering="seismograms.picks")
    picker = registry.recipe_module("phase_picker").probabilities(model)
    known = Calibration.of(model)
    if known is None:
        raise SystemExit(f"{args.model} is not calibrated for continuous data.")
    records = {name: records_of(name, args.data_dir) for name in (PNW, ESEC, NCEDC, STEAD)}
    measured = {
        name: continuous.measure(picker, of, model.samples, model.sampling_rate_hz)
        for name, of in records.items()
        if of is not None
    }
    if PNW in measured:
        noise_and_arrivals(measured, known)
        probabilities(records[PNW], measured, picker, model)
    hours_of_noise(model)


if __name__ == "__main__":
    main()
