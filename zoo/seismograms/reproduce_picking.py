"""The transfer study's figures on P arrivals alone: many labels (8), errors (9), errors against SNR (S26, S27)."""

from __future__ import annotations

from typing import Any

import numpy as np

from zoo.seismograms.study import FAR_PICKING, TASKS, by_updates, cells, dataset_of, failed, trained, variants
from zoo.training.experiment import Workshop, forget

_SNR_EDGES_DB = (*range(-10, 45, 5),)
_SIGNAL_S, _NOISE_S, _LEAST_NOISE_S = 2.0, 5.0, 1.0
_SNR_BAND_HZ = (2.0, 8.0)
_FEWEST = 20


def figure_8(workshop: Workshop) -> list[dict[str, Any]]:
    """Train on many labels, up to `sizes`, and return the standard deviation of P's absolute error on the test split.

    On STEAD's earthquakes of M >= 1.5 within 200 km where they are prepared, else on synthetic ones.
    """
    from zoo.seismograms.figures.kong import draw_learning

    rows = []
    for what, cards in cells(workshop, "far_", by_updates, {"p_picker": FAR_PICKING}):
        found = [card["scores"]["test"]["metrics"] for card in cards]
        values = [scores["sd_of_absolute_s"] for scores in found]
        made = {"measure": "sd_of_absolute_s", "mean": round(float(np.mean(values)), 4)}
        made |= {"sd": round(float(np.std(values)), 4), "failed": sum(failed(scores) for scores in found)}
        rows.append({**what, **made})
    draw_learning(rows, workshop.folder / "figure_8.png", linear=True)
    return rows


def figure_9(workshop: Workshop) -> list[dict[str, Any]]:
    """Return quantiles of P's errors on the test split for each of `sizes`, trained as for figure 7 with seed 0.

    If `--out` is the folder of figures 5 to 7, their trainings are used.
    """
    from zoo import registry
    from zoo.data import datasets
    from zoo.seismograms.figures.kong import draw_residuals
    from zoo.seismograms.models.scores import FEATURES
    from zoo.seismograms.models.training import SCHEMAS

    dataset = dataset_of(workshop, "p_picker", TASKS["p_picker"])
    arrivals_s = registry.recipe_module("p_picker").arrivals_s
    records = datasets.arrays(dataset, "test", workshop.data_dir, FEATURES)
    variant, chosen = variants(workshop)[0]
    rows, errors = [], {}
    for labels in workshop.own["sizes"]:
        for schema in SCHEMAS:
            settings = {**by_updates(workshop, dataset, schema, labels), **chosen}
            where = trained(workshop, "p_picker", f"p_picker_{variant}_{schema}_{labels}_0", settings, 0)
            labelled_s, found_s = arrivals_s(registry.load(where), records)
            errors[labels, schema] = error_s = found_s - labelled_s
            low, median, high = np.quantile(error_s, (0.16, 0.5, 0.84))
            rows.append(
                {
                    "labels": labels,
                    "schema": schema,
                    "p16_s": round(float(low), 3),
                    "median_s": round(float(median), 3),
                    "p84_s": round(float(high), 3),
                    "within_0.5_s": round(float(np.mean(np.abs(error_s) <= 0.5)), 4),
                    "within_1_s": round(float(np.mean(np.abs(error_s) <= 1)), 4),
                    "windows": len(error_s),
                    "dataset": dataset,
                }
            )
            forget()
    draw_residuals(rows, errors, workshop.folder / "figure_9.png")
    return rows


def figure_s26(workshop: Workshop) -> list[dict[str, Any]]:
    """Return P's errors against SNR with many labels: from scratch and fine-tuned."""
    return _over_snr(workshop, "figure_s26.png")


def figure_s27(workshop: Workshop) -> list[dict[str, Any]]:
    """Return P's errors against SNR with few labels: from scratch and fine-tuned."""
    return _over_snr(workshop, "figure_s27.png")


def _over_snr(workshop: Workshop, picture: str) -> list[dict[str, Any]]:
    from zoo import registry
    from zoo.data import datasets
    from zoo.seismograms.figures.kong import draw_over_snr
    from zoo.seismograms.models import scores as waveform_scores

    dataset = dataset_of(workshop, "p_picker", FAR_PICKING)
    recipe = registry.recipe_module("p_picker")
    records = datasets.arrays(dataset, "test", workshop.data_dir, waveform_scores.FEATURES)
    (labels,), fewest = workshop.own["sizes"], 3 if workshop.quick else _FEWEST
    rows = []
    for variant, chosen in variants(workshop):
        for schema in ("baseline", "finetune"):
            settings = {**by_updates(workshop, dataset, schema, labels), **chosen}
            absolute_s, snr = [], []
            for seed in range(workshop.own["repeats"]):
                where = trained(
                    workshop, "p_picker", f"far_p_picker_{variant}_{schema}_{labels}_{seed}", settings, seed
                )
                model = registry.load(where)
                windows = recipe.with_p(waveform_scores.windows(records, model, latest=1.0))
                labelled_s, found_s = recipe.arrivals_s(model, windows)
                absolute_s.append(np.abs(found_s - labelled_s))
                snr.append(snr_db(windows["waveform"], windows["trace_p_arrival_sample"], model.sampling_rate_hz))
                forget()
            absolute, of_window = np.concatenate(absolute_s), np.concatenate(snr)
            for low, high in zip(_SNR_EDGES_DB, _SNR_EDGES_DB[1:], strict=False):
                inside = (of_window >= low) & (of_window < high)
                if inside.sum() < fewest * workshop.own["repeats"]:
                    continue
                rows.append(
                    {
                        "encoder": variant,
                        "schema": schema,
                        "labels": labels,
                        "snr_from_db": low,
                        "snr_to_db": high,
                        "sd_of_absolute_s": round(float(absolute[inside].std()), 4),
                        "mae_s": round(float(absolute[inside].mean()), 4),
                        "windows": int(inside.sum()) // workshop.own["repeats"],
                        "repeats": workshop.own["repeats"],
                        "without_snr": int(np.isnan(of_window).sum()) // workshop.own["repeats"],
                        "dataset": dataset,
                    }
                )
    draw_over_snr(rows, workshop.folder / picture)
    return rows


def snr_db(waveforms: np.ndarray, p_sample: np.ndarray, sampling_rate_hz: float) -> np.ndarray:
    """Return the signal-to-noise ratio (n,) of P in dB on the vertical, 2 to 8 Hz.

    Root mean square of the 2 s from P over that of up to 5 s before it; NaN if less than 1 s precedes P, or 2 s follow.

    >>> wave = np.zeros((1, 540, 3))
    >>> wave[0, :, 0] = np.where(np.arange(540) < 200, 1, 10) * np.sin(np.arange(540) * 1.5)
    >>> snr_db(wave, np.array([200.0]), 20.0).round()
    array([20.])

    Args:
        waveforms: (n, samples, 3), Z first.
        p_sample: (n,) sample of P.
        sampling_rate_hz: sampling rate.
    """
    from zoo.seismograms.signals import bandpass

    vertical = bandpass(np.asarray(waveforms, np.float32)[..., :1], sampling_rate_hz, *_SNR_BAND_HZ, corners=2)[..., 0]
    found = np.full(len(vertical), np.nan)
    for row, at in enumerate(np.asarray(p_sample)):
        p = int(round(float(at)))
        noise = vertical[row, max(0, p - round(_NOISE_S * sampling_rate_hz)) : p]
        signal = vertical[row, p : p + round(_SIGNAL_S * sampling_rate_hz)]
        if len(noise) >= _LEAST_NOISE_S * sampling_rate_hz and len(signal) >= _SIGNAL_S * sampling_rate_hz:
            power = np.mean(noise.astype(np.float64) ** 2)
            if power > 0:
                found[row] = 10 * np.log10(max(np.mean(signal.astype(np.float64) ** 2), 1e-30) / power)
    return found
