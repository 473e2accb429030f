"""Phase pickers on real traces: ours beside ObsPy's AR picker and STA/LTA, on the same windows.

    python benchmarks/picking.py [--models NAME ...] [--datasets NAME/CONFIG ...] [--data-dir DIR]
    python benchmarks/picking.py --cross-validation [--folds 2] [--only 1] [--picks FOLDER] [--runs FOLDER]
                                 [--write-card FOLDER]

Datasets: zoo prepare ncedc_picks/phasenet_demo --manual-dir ..., zoo prepare stead/sample --manual-dir ... --set
split=event. All of their records are picked, with P at three places in windows of 30 s (of 60 s by our pickers). "SNR
3": noise from before P of another record is added until the first second of P has three times the rms of the noise
(vertical, 1 to 30 Hz); records that are noisier stay as they are. The last table: P found within 0.5 s at a threshold,
against false picks in a minute.

`--cross-validation` scores `phase_picker.local` on NCEDC's stations that it was not shown: for each fold (or the one
that `--only` names) it prepares a split by station, trains by the recipe's own settings on the other stations and all
else, and scores the fold; the residuals of all folds are pooled. A training takes 20 CPU-minutes or more; `--runs`
names a folder in which they go on. `--write-card` puts the result into the card of a checkpoint.

ObsPy's AR picker: 1 to 20 Hz, windows of ObsPy's documentation. STA/LTA: 0.1 and 2 s on the vertical, 1 to 20 Hz; the
pick is where the first trigger goes on, at a ratio of 6 (recursive) or 8 (classic): the best for these traces of some
dozens of settings.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np
from table import print_table

import zoo
from zoo import registry
from zoo.data import datasets
from zoo.errors import ZooError
from zoo.files import read_json, write_json
from zoo.progress import say
from zoo.seismograms import signals
from zoo.seismograms.picking import picks as picking

NCEDC, STEAD = "ncedc_picks/phasenet_demo", "stead/sample"
REAL = Path(os.environ.get("ZOO_REAL_DATA", Path(__file__).parents[2] / "shared" / "data"))
RATE_HZ, SAMPLES, SNR = 100.0, 3000, 3.0
STA_S, LTA_S = 0.1, 2.0
CURVE_RATIOS = (3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 13.0, 17.0, 25.0)
RATES = (0.1, 0.25, 0.5, 1.0, 2.0)
RATIOS = {"recursive": 6.0, "classic": 8.0}


def ar_picker(windows: np.ndarray) -> np.ndarray:
    """Return (n, samples, 3): one where ObsPy's AR picker has P and S."""
    from obspy.signal.trigger import ar_pick

    made = np.zeros((len(windows), SAMPLES, 3))
    for window, out in zip(windows.astype(np.float64), made, strict=True):
        z, n, e = (np.ascontiguousarray(component - component.mean()) for component in window.T)
        n, e = (other if other.any() else z for other in (n, e))  # it needs three
        found = ar_pick(z, n, e, RATE_HZ, 1.0, 20.0, 1.0, 0.1, 4.0, 1.0, 2, 8, 0.1, 0.2)
        for column, time_s in enumerate(found):
            out[min(round(time_s * RATE_HZ), SAMPLES - 1), column] = 1.0
    return made


def sta_lta(kind: str, on_ratio: float):
    """Return a picker: (n, samples, 3), one where the first trigger goes on, a little less at each later one."""
    from obspy.signal import trigger

    ratio_of = getattr(trigger, f"{kind}_sta_lta")

    def picker(windows: np.ndarray) -> np.ndarray:
        made = np.zeros((len(windows), SAMPLES, 3))
        vertical = signals.bandpass(windows[..., :1] - windows[:, :1, :1], RATE_HZ, 1.0, 20.0)[..., 0]
        for trace, out in zip(vertical.astype(np.float64), made, strict=True):
            ratio = ratio_of(trace, int(STA_S * RATE_HZ), int(LTA_S * RATE_HZ))
            for number, (on, _) in enumerate(trigger.trigger_onset(ratio, on_ratio, on_ratio / 3)):
                out[on, 0] = 0.99**number
        return made

    return picker


def network(name: str):
    """Return a model of the zoo as a picker."""
    return registry.recipe_module("phase_picker").probabilities(registry.load(name, answering="seismograms.picks"))


def samples_of(name: str) -> int:
    """Return the length of a model's windows."""
    return registry.load(name, answering="seismograms.picks").samples


def with_noise(records: dict[str, np.ndarray], seed: int = 0) -> dict[str, np.ndarray]:
    """Return records with noise of another one, see the module."""
    rng = np.random.default_rng(seed)
    p = records["trace_p_arrival_sample"].astype(int)
    waveform = records["waveform"] - records["waveform"][:, :1]
    rms = lambda trace: float(np.sqrt(np.mean(np.square(trace), dtype=np.float64)))  # noqa: E731
    vertical = signals.bandpass(waveform[..., :1], RATE_HZ, 1.0, 30.0, corners=2)
    second = int(RATE_HZ)
    noisy = waveform.copy()
    for row in range(len(p)):
        other = rng.choice([r for r in range(len(p)) if r != row])
        piece = waveform[other, : p[other] - second]
        there_and_back = np.concatenate([piece, piece[::-1]])
        noise = np.tile(there_and_back, (-(-waveform.shape[1] // len(there_and_back)), 1))[: waveform.shape[1]]
        level = rms(signals.bandpass(noise[None, :, :1], RATE_HZ, 1.0, 30.0, corners=2))
        own = rms(vertical[row, : p[row] - second])
        wanted = rms(vertical[row, p[row] : p[row] + second]) / SNR
        if wanted > own and level > 0:
            noisy[row] += noise * (np.ptp(noisy[row], axis=0) > 0) * np.sqrt(wanted**2 - own**2) / level
    return {**records, "waveform": noisy}


def records_of(dataset: str, data_dir: str | None) -> dict[str, np.ndarray]:
    return datasets.arrays(dataset, "all", data_dir, registry.recipe_module("phase_picker").RECIPE.features)


def row_of(name: str, scored: picking.Scored, s_too: bool = True) -> list[str]:
    share = lambda residual: [f"{(np.abs(residual) <= t).mean():.3f}" for t in picking.TOLERANCES_S]  # noqa: E731
    metrics = picking.score(scored)
    spread = (
        f"{1000 * metrics.get('p_mean_residual_s', np.nan):.0f} ({1000 * metrics.get('p_sd_residual_s', np.nan):.0f})"
    )
    return [name, *share(scored.p_s), spread, *(share(scored.s_s) if s_too else ["-"] * 3)]


HEADER = ("", "P 0.1 s", "P 0.2 s", "P 0.5 s", "P mean (sd), ms", "S 0.1 s", "S 0.2 s", "S 0.5 s")


def curve(rows: dict[str, picking.Scored], records: dict[str, np.ndarray] | None = None) -> None:
    """Print what is found at so many false picks a minute; of STA/LTA, with records, at the best ratio for each."""
    table = [
        (name, *(picking.found_share(s, picking.threshold_for(s, rate)) for rate in RATES)) for name, s in rows.items()
    ]
    for kind in RATIOS if records else ():
        tried = [picking.residuals(sta_lta(kind, ratio), records, SAMPLES, RATE_HZ, False) for ratio in CURVE_RATIOS]
        both = [(picking.false_per_minute(scored, 0.0), picking.found_share(scored, 0.0)) for scored in tried]
        table.append((f"STA/LTA {kind}", *(max([f for r, f in both if r <= rate], default=0.0) for rate in RATES)))
    minutes = next(iter(rows.values())).noise_minutes
    print_table(
        f"P found within 0.5 s, at so many false picks a minute ({minutes:.1f} minutes of noise)",
        ("", *(f"{rate:g}" for rate in RATES)),
        [(name, *(f"{share:.3f}" for share in shares)) for name, *shares in table],
    )


def compare(models: list[str], names: list[str], data_dir: str | None) -> None:
    """Print the tables of the module."""
    learnt = {NCEDC: "phase_picker.local"}
    for dataset in names:
        try:
            records = records_of(dataset, data_dir)
        except ZooError as error:
            say(str(error))
            continue
        sets = {dataset: records} | ({f"{dataset}, SNR 3": with_noise(records)} if dataset == NCEDC else {})
        for title, data in sets.items():
            found: dict[str, picking.Scored] = {}
            pickers = {name: (network(name), True, samples_of(name)) for name in models}
            pickers |= {"AR picker": (ar_picker, False, SAMPLES)}
            for kind, ratio in RATIOS.items():
                picker = sta_lta(kind, ratio)
                pickers |= {
                    f"STA/LTA {kind}": (picker, False, SAMPLES),
                    f"STA/LTA {kind}, AIC": (picker, True, SAMPLES),
                }
            for name, (picker, repick, samples) in pickers.items():
                shown = f"{name} (learnt from these)" if learnt.get(dataset) == name else name
                found[shown] = picking.residuals(picker, data, samples, RATE_HZ, repick)
            rows = [row_of(name, scored, "STA" not in name) for name, scored in found.items()]
            print_table(f"{title}: {len(data['waveform'])} records", HEADER, rows)
            if title == NCEDC:
                curve({name: s for name, s in found.items() if name.startswith(tuple(models))}, data)


def cross_validate(
    folds: int, only: int, picks: Path, runs: Path, data_dir: str | None, card: Path | None, seed: int
) -> None:
    """Print the score of `phase_picker.local` on NCEDC's stations that it was not shown."""
    recipe = zoo.recipe("phase_picker.local")
    before, after = [], []
    for fold in [only] if only else range(1, folds + 1):
        dataset = f"ncedc_picks/fold{fold}of{folds}"
        datasets.prepare(dataset, data_dir, picks, settings={"folds": str(folds), "fold": str(fold)})
        beside = [f"{dataset}:train" if name.startswith(NCEDC) else name for name in recipe.settings["beside"]]
        settings = {"beside": beside, "calibrated_on": [], "timed_on": [], "scored_on": []}
        tuned = runs / f"fold{fold}of{folds}"
        if not (tuned / "card.json").is_file():
            recipe.train(out=tuned, settings=settings, data_dir=data_dir, seed=seed)
        data = datasets.arrays(dataset, "test", data_dir, recipe.recipe.features)
        say(f"Fold {fold} of {folds}: {len(data['waveform'])} records not shown")
        for name, scored in ((recipe.settings["initial"], before), (str(tuned), after)):
            scored.append(picking.residuals(network(name), data, samples_of(name), RATE_HZ))
    rows = {"before": picking.pooled(before), "local, not shown": picking.pooled(after)}
    which = f"fold {only} of {folds}" if only else f"{folds} folds"
    print_table(f"{NCEDC}, {which} by station", HEADER, [row_of(name, s) for name, s in rows.items()])
    curve(rows)
    metrics = {key: round(value, 5) for key, value in picking.score(rows["local, not shown"]).items()}
    for key, value in metrics.items():
        print(f"{key:40s} {value:.4g}")
    if card:
        about = read_json(card / "card.json", "A checkpoint's card")
        command = f"python benchmarks/picking.py --cross-validation --folds {folds}" + f" --only {only}" * bool(only)
        what = "stations dealt into folds; each scored by weights trained on the others. The shipped weights saw all."
        about["cross_validation"] = {"metrics": metrics, "command": command, "about": what}
        write_json(card / "card.json", about)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["phase_picker.synthetic", "phase_picker.local"])
    parser.add_argument("--datasets", nargs="+", default=[NCEDC, STEAD])
    parser.add_argument("--data-dir", help="folder of prepared datasets")
    parser.add_argument("--cross-validation", action="store_true")
    parser.add_argument("--folds", type=int, default=2)
    parser.add_argument("--only", type=int, default=0, metavar="FOLD")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where the trainings of the folds are kept")
    parser.add_argument("--picks", type=Path, default=REAL / "picks", help="the demo set's folder of .npz")
    parser.add_argument("--write-card", type=Path, metavar="FOLDER")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    if args.cross_validation:
        cross_validate(args.folds, args.only, args.picks, args.runs, args.data_dir, args.write_card, args.seed)
    else:
        compare(args.models, args.datasets, args.data_dir)


if __name__ == "__main__":
    main()
