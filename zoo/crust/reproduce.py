"""The experiments of Cheng et al. (2019) with networks for crustal thickness, and what they leave out.

The paper's test errors (table 1, figure 5) are "x 1e-6" without a unit: they stand beside ours in km, which are
measured otherwise, and no match is claimed.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from zoo.progress import say
from zoo.training.experiment import Workshop

DATASET, QUICK_DATASET = "prem_dispersion/cheng2019", "prem_dispersion/mini"
# Column "Error" of table 1, in the order of its rows.
PAPER_ERRORS = (262, 79.5, 27.83, 28.83, 11.29, 11.28, 15.73, 8.35, 7.62, 7.22, 4.58, 6.04)
NOISE_PERCENT = (0.0, 0.25, 0.5, 1.0, 1.5, 2.0)
# Training to test, about the range of figure 5; the dataset itself is 380:120.
PROPORTIONS = (1 / 3, 1.0, 2.0, 3.0, 4.0, 9.0)
SEEDS = (0, 1, 2)
_CODED = 2000  # test curves over which the code of a structure is taken
_QUICK = {
    "ssae_crust": {"epochs": 5, "pretraining_epochs": 1, "batch_size": 100, "units": [20, 10]},
    "shallow_crust": {"epochs": 5, "batch_size": 100, "units": [20]},
    "mdn_crust": {"epochs": 5, "width": 48, "blocks": 1, "batch_size": 128},
}


def table_1(workshop: Workshop) -> list[dict[str, Any]]:
    """Train the twelve structures, by the literal schedule unless the user says `schedule=stable`.

    The sd of the deepest layer's units over Earths says why one fails: where the sparsity penalty has wiped the code
    out, nothing of a curve is left to learn from (`--set sparsity_weight=0` trains them without).
    """
    from zoo import checkpoint, load, registry

    curves = _test_records(workshop)["phase_velocity_km_s"][:_CODED]
    structures = registry.recipe_module("ssae_crust").TABLE_1
    rows = []
    for number, (units, penalty, _, _) in enumerate(structures, 1):
        if workshop.quick and number % 3 != 1:
            continue
        name = f"table1_{number:02d}"
        folder = _trained(workshop, f"ssae_crust.{name}", name, {"units": list(units)})
        card = checkpoint.read_card(folder)
        scores = card["scores"]["test"]["metrics"]
        rows.append(
            {
                "structure": "-".join(str(n) for n in (21, *units, 1)) + (" *" if number == 10 else ""),
                "sparsity_weight": card["settings"].get("sparsity_weight", penalty),
                "epochs": card["settings"]["epochs"],
                "batch_size": card["settings"]["batch_size"],
                "schedule": card["settings"]["schedule"],
                "rms_km_noise_0.5": round(scores["rms_km"], 2),
                "rms_km_noise_free": round(scores["rms_km_noise_free"], 2),
                "deepest_code_sd": round(float(load(folder).codes(curves, len(units)).std(axis=0).mean()), 4),
                "paper_error_1e-6_no_unit": PAPER_ERRORS[number - 1],
                "training": card["cost"].split(" (")[0],
            }
        )
    return rows


def noise(workshop: Workshop) -> list[dict[str, Any]]:
    """Score the deep network and the mixture density network on test curves with more and less noise."""
    from zoo.crust.figures import draw_lines

    models = {name: _model(workshop, name) for name in ("ssae_crust", "mdn_crust")}
    records = _test_records(workshop)
    curves, true_km = records["phase_velocity_km_s"].astype(np.float64), records["moho_depth_km"]
    rows = []
    for percent in NOISE_PERCENT:
        row = {"noise_percent": percent}
        for name, model in models.items():
            row[f"rms_km_{name}"] = round(_rms_km(model, curves, true_km, percent / 100), 3)
        row["prior_sd_km"] = round(float(true_km.std()), 3)
        rows.append(row)
    lines = {name: [row[f"rms_km_{name}"] for row in rows] for name in models}
    lines["prior (no data)"] = [row["prior_sd_km"] for row in rows]
    path = workshop.folder / "noise.png"
    draw_lines(NOISE_PERCENT, lines, "noise of the phase velocities (%)", "RMS error of thickness (km)", path)
    return rows


def split(workshop: Workshop) -> list[dict[str, Any]]:
    """Train the starred structure on a growing part of the dataset; the rest is the test."""
    from zoo import checkpoint
    from zoo.crust.figures import draw_lines
    from zoo.data import datasets

    sizes = datasets.metadata(_dataset(workshop), workshop.data_dir)["splits"]
    rows = []
    proportions = PROPORTIONS[3:5] if workshop.quick else PROPORTIONS
    for proportion in proportions:
        first = round(sum(sizes.values()) * proportion / (1 + proportion))
        inside, beyond = min(first, sizes["train"]), max(0, first - sizes["train"])
        parts = {
            "train_split": f"train[:{inside}]" + (f"+test[:{beyond}]" if beyond else ""),
            # The trainer scores this split and learns nothing from it: it is the paper's test.
            "validation_split": f"test[{beyond}:]" if inside == sizes["train"] else f"train[{inside}:]+test",
        }
        key = f"split_{proportion:.2f}"
        scores = checkpoint.read_card(_trained(workshop, "ssae_crust", key, parts))["scores"]["validation"]
        rows.append(
            {
                "training_to_test": f"{proportion:.3g}:1",
                "training": first,
                "test": scores["examples"],
                "rms_km_noise_0.5": round(scores["metrics"]["rms_km"], 3),
                "rms_km_noise_free": round(scores["metrics"]["rms_km_noise_free"], 3),
            }
        )
    lines = {
        "0.5 % noise": [row["rms_km_noise_0.5"] for row in rows],
        "noise-free": [row["rms_km_noise_free"] for row in rows],
    }
    path = workshop.folder / "split.png"
    draw_lines(proportions, lines, "training to test data", "RMS error of thickness (km)", path, log_x=True)
    return rows


def depth(workshop: Workshop) -> list[dict[str, Any]]:
    """Train the starred structure and one with one hidden layer, equal epochs, three seeds."""
    from zoo import checkpoint
    from zoo.crust.figures import draw_lines

    rows: list[dict[str, Any]] = []
    kinds = {"deep": "ssae_crust", "shallow": "shallow_crust"}
    seeds = SEEDS[:1] if workshop.quick else SEEDS
    for kind, name in kinds.items():
        for seed in seeds:
            card = checkpoint.read_card(_trained(workshop, name, f"{kind}_seed_{seed}", seed=seed))
            scores = card["scores"]["test"]["metrics"]
            rows.append(
                {
                    "network": f"{kind}, {'-'.join(str(unit) for unit in card['settings']['units'])}",
                    "seed": seed,
                    "epochs": card["settings"]["epochs"],
                    "rms_km_noise_0.5": round(scores["rms_km"], 3),
                    "rms_km_noise_free": round(scores["rms_km_noise_free"], 3),
                    "training": card["cost"].split(" (")[0],
                }
            )
    lines = {
        f"{kind}, {what}": [row[key] for row in rows if row["network"].startswith(kind)]
        for kind in kinds
        for what, key in (("0.5 % noise", "rms_km_noise_0.5"), ("noise-free", "rms_km_noise_free"))
    }
    draw_lines(seeds, lines, "seed", "RMS error of thickness (km)", workshop.folder / "depth.png")
    return rows


def monte_carlo(workshop: Workshop) -> list[dict[str, Any]]:
    """Invert one test curve with 0.5 % of noise by the network, by chains, and by weighting the training dataset."""
    from zoo.crust import mcmc as crust_mcmc
    from zoo.crust.figures import draw_posteriors
    from zoo.crust.physics.prior import EarthPrior
    from zoo.data import datasets

    model = _model(workshop, "mdn_crust")
    about = datasets.metadata(_dataset(workshop), workshop.data_dir)
    records = _test_records(workshop)
    # A thick crust, as below the plateau of the paper, but away from the prior's ends.
    chosen = int(np.argmin(np.abs(records["moho_depth_km"] - 60)))
    true_km = float(records["moho_depth_km"][chosen])
    curve = records["phase_velocity_km_s"][chosen].astype(np.float64)
    sd = 0.005 * curve
    observed = curve + sd * np.random.default_rng(0).standard_normal(curve.shape)

    model.posterior(observed[np.newaxis], sd[np.newaxis])  # compiles
    start = time.perf_counter()
    posterior = model.posterior(observed[np.newaxis], sd[np.newaxis])
    network = [posterior.mean_km[0], posterior.sd_km[0], *(posterior.quantile_km(q)[0] for q in (0.16, 0.84))]
    network_s = time.perf_counter() - start

    chains = crust_mcmc.sample(
        EarthPrior.from_dict(about["prior"]),
        np.array(about["frequency_hz"]),
        observed,
        sd,
        updates=400 if workshop.quick else 60_000,
    )
    train = datasets.arrays(_dataset(workshop), "train", workshop.data_dir)
    start = time.perf_counter()
    weighted = crust_mcmc.weigh(train["phase_velocity_km_s"], train["moho_depth_km"], observed, sd)
    weighing_s = time.perf_counter() - start

    def row(method: str, mean: float, sd_km: float, low: float, high: float, seconds: float, **more: Any) -> dict:
        numbers = {"mean_km": mean, "sd_km": sd_km, "lower_68_km": low, "upper_68_km": high}
        return {
            "method": method,
            "true_km": round(true_km, 2),
            **{key: round(float(value), 2) for key, value in numbers.items()},
            "seconds": float(f"{seconds:.3g}"),
            "models": more.get("models", 0),
            "r_hat": round(more["r_hat"], 3) if "r_hat" in more else "",
            "effective_samples": round(more["ess"]) if "ess" in more else "",
        }

    rows = [
        row("mdn_crust", *network, network_s),
        row(
            f"Markov chains, {len(chains.moho_km)}",
            *chains.statistics(),
            chains.seconds,
            models=chains.models,
            r_hat=chains.r_hat,
            ess=chains.ess,
        ),
        row("dataset weighted", *weighted.statistics(), weighing_s, models=len(train["example"]), ess=weighted.ess),
    ]
    if chains.r_hat > crust_mcmc.MAX_R_HAT:
        say(f"The chains have not converged: R-hat {chains.r_hat:.2f}, effective samples {chains.ess:.0f}.")
    days = chains.seconds * 1e4 / 86400
    say(f"A map of 10,000 points by chains would take {days:.0f} days (paper: three weeks on 4 processors).")
    draw_posteriors(posterior, chains, weighted, true_km, about["prior"]["moho_km"], workshop.folder / "posterior.png")
    return rows


def _dataset(workshop: Workshop) -> str:
    return workshop.settings.get("dataset", QUICK_DATASET if workshop.quick else DATASET)


def _test_records(workshop: Workshop) -> dict[str, np.ndarray]:
    from zoo.data import datasets

    return datasets.arrays(_dataset(workshop), "test", workshop.data_dir)


def _trained(workshop: Workshop, name: str, key: str, settings: Mapping[str, Any] | None = None, seed: int = 0) -> Any:
    quick = {"dataset": QUICK_DATASET, **_QUICK[name.split(".")[0]]} if workshop.quick else {}
    return workshop.trained(name, key, {**quick, **(settings or {})}, seed)


def _model(workshop: Workshop, name: str) -> Any:
    """Return the shipped model, or one trained here where the user asks for something else."""
    from zoo import registry

    if workshop.quick or workshop.settings:
        return registry.load(_trained(workshop, name, name))
    return registry.load(name)


def _rms_km(model: Any, curves: np.ndarray, true_km: np.ndarray, noise_relative: float) -> float:
    from zoo.crust.models.training import noisy

    measured = noisy(curves, noise_relative)
    if model.uses_error_bars:
        found = model.posterior(measured, noise_relative * curves).mean_km
    else:
        found = model.answers_km(measured)
    return float(np.sqrt(np.mean((found - true_km) ** 2)))
