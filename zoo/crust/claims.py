"""What Cheng et al. (2019) state, and how our rows answer: one claim after the other, in the order of the paper.

Their test errors are "x 1e-6" without a unit, so none is compared with our RMS in km; what they say of how the errors
depend on structure and training is. `TOLERANCE_KM` is how far two of our errors may be apart and still count as equal:
the spread of three seeds is about as much.
"""

from __future__ import annotations

from collections.abc import Callable

from zoo.training.claims import (
    DOWNLOAD,
    NOT_COMPARABLE,
    OPEN,
    Claim,
    Finding,
    LeftOut,
    Row,
    Rows,
    holds,
    not_comparable,
    the,
)

TOLERANCE_KM = 0.1
_EQUAL = f"equal within {TOLERANCE_KM:g} km"
_NO_UNIT = "the paper's error is x 1e-6 without a unit, ours is the RMS in km at 0.5 % of noise, on our own Earths"
_MAPS = "needs the maps of phase velocity of Xie et al. (2013), which only their authors have, and the model compared"


def _rms(row: Row) -> float:
    return row["rms_km_noise_0.5"]


def _structure(rows: Rows, structure: str, **more: object) -> Row:
    return the(rows, structure=structure, **more)


# Units, sparsity weight, epochs, batch, error of the paper: table 1 from top to bottom.
_TABLE_1 = (
    ("21-50-10-1", 0.3, 10, 10_000, 262),
    ("21-50-10-1", 0.3, 10, 1_000, 79.5),
    ("21-50-10-1", 0.3, 10, 100, 27.83),
    ("21-50-10-1", 0.3, 100, 1_000, 28.83),
    ("21-50-10-1", 0.3, 100, 100, 11.29),
    ("21-50-10-1", 0.01, 100, 100, 11.28),
    ("21-10-2-1", 0.01, 100, 100, 15.73),
    ("21-100-50-20-1", 0.5, 100, 100, 8.35),
    ("21-200-50-20-10-1", 0.5, 100, 100, 7.62),
    ("21-200-100-50-20-10-5-1 *", 0.5, 100, 100, 7.22),
    ("21-200-100-50-20-10-5-1", 0.5, 100, 50, 4.58),
    ("21-50-40-30-20-10-5-1", 0.5, 100, 50, 6.04),
)


def _of_structure(number: int) -> Callable[[Rows], Finding]:
    structure, _, _, batch, error = _TABLE_1[number]

    def judge(rows: Rows) -> Finding:
        row = _structure(rows, structure, **{"paper_error_1e-6_no_unit": error})
        where = f"{row['schedule']} schedule, {row['epochs']} epochs, batches of {row['batch_size']}"
        return not_comparable(f"{_rms(row):.2f} km ({where})", _NO_UNIT)

    return judge


def _deeper(rows: Rows) -> Finding:
    first = _structure(rows, "21-50-10-1", **{"paper_error_1e-6_no_unit": 11.29})
    deep = _structure(rows, "21-200-100-50-20-10-5-1 *")
    shown = f"two hidden layers {_rms(first):.2f} km, six {_rms(deep):.2f} km"
    return holds(_rms(deep) < _rms(first) - TOLERANCE_KM, shown, _EQUAL)


def _small_batches(rows: Rows) -> Finding:
    found = [
        _rms(_structure(rows, "21-50-10-1", **{"paper_error_1e-6_no_unit": error})) for error in (262, 79.5, 27.83)
    ]
    shown = "batches of 10,000, 1000, 100: " + ", ".join(f"{value:.2f}" for value in found) + " km"
    return holds(found[0] > found[1] > found[2], shown)


def _batch_before_epochs(rows: Rows) -> Finding:
    at = {e: _rms(_structure(rows, "21-50-10-1", **{"paper_error_1e-6_no_unit": e})) for e in (79.5, 27.83, 28.83)}
    batch, epochs = at[79.5] - at[27.83], at[79.5] - at[28.83]
    shown = f"a batch of a tenth {batch:+.2f} km better, ten times the epochs {epochs:+.2f} km"
    return holds(batch >= epochs, shown)


def _six_alike(rows: Rows) -> Finding:
    found = [_rms(row) for row in rows if str(row["structure"]).removesuffix(" *").count("-") == 7]
    if len(found) < 2:
        raise LeftOut("structures of six hidden layers")
    return holds(max(found) - min(found) <= TOLERANCE_KM, f"{min(found):.2f} to {max(found):.2f} km", _EQUAL)


def _five_hours(rows: Rows) -> Finding:
    said = str(_structure(rows, "21-200-100-50-20-10-5-1 *")["training"])
    seconds = float(said.split()[0].replace(",", ""))
    return Finding(f"{seconds:.0f} CPU-seconds", "better" if seconds < 5 * 3600 else "not met", "other processors")


TABLE_1 = (
    *(
        Claim(
            f"table 1, row {number}",
            f"[{units.replace('-', ' ')}], sparsity {sparsity:g}, {epochs} epochs, batches of {batch:,}: {error:g}e-6",
            _of_structure(number - 1),
        )
        for number, (units, sparsity, epochs, batch, error) in enumerate(_TABLE_1, 1)
    ),
    Claim("section 4", "the more hidden layers, the smaller the test error", _deeper),
    Claim("section 4", "batches of 10,000, 1000, 100: 262, 79.5, 27.8e-6, the smaller the better", _small_batches),
    Claim("section 4", "the batch size matters more than the epochs", _batch_before_epochs),
    Claim("section 4", "with six hidden layers the units of each hardly matter (4.6 to 7.2e-6)", _six_alike),
    Claim("section 3.3", "training the six-layer network takes five hours on one processor", _five_hours),
)


def _noise(rows: Rows) -> Finding:
    clean, noisy = the(rows, noise_percent=0.0), the(rows, noise_percent=2.0)
    values = [row["rms_km_ssae_crust"] for row in (clean, the(rows, noise_percent=0.5), noisy)]
    shown = "ssae_crust at 0, 0.5, 2 %: " + ", ".join(f"{v:.2f}" for v in values) + " km"
    return holds(values[-1] < 0.5 * noisy["prior_sd_km"], f"{shown}; prior {noisy['prior_sd_km']:.1f} km")


NOISE = (
    Claim(
        "section 3.2",
        "random noise on the phase velocities in training makes a network robust (no number)",
        _noise,
        "judged as: at 2 % of noise the error stays below half of the prior's",
    ),
)


def _three_to_one(rows: Rows) -> Finding:
    best = min(map(_rms, rows))
    ours = _rms(the(rows, training_to_test="3:1"))
    return holds(ours <= best + TOLERANCE_KM, f"3:1 {ours:.2f} km, the best proportion {best:.2f} km", _EQUAL)


SPLIT = (Claim("figure 5", "three parts of training to one of test data are a reasonable split", _three_to_one),)


def _deep_wins(rows: Rows) -> Finding:
    deep, shallow = ([_rms(row) for row in rows if row["network"].startswith(kind)] for kind in ("deep", "shallow"))
    shown = f"deep {min(deep):.2f} to {max(deep):.2f} km, shallow {min(shallow):.2f} to {max(shallow):.2f} km"
    return holds(max(deep) < min(shallow), shown, "errors of thickness, where the paper compares phase velocities")


DEPTH = (Claim("figure 10, section 5 (2)", "six hidden layers beat one at equal training", _deep_wins),)


def _faster_than_chains(rows: Rows) -> Finding:
    network, chains = the(rows, method="mdn_crust"), next(r for r in rows if r["method"].startswith("Markov"))
    days = chains["seconds"] * 1e4 / 86400
    shown = f"one curve {network['seconds']:.2g} s against {chains['seconds']:.0f} s; "
    shown += f"10,000 curves by chains {days:.0f} days"
    return holds(network["seconds"] < chains["seconds"] / 1000, shown, "judged as: a thousand times sooner")


def _same_answer(rows: Rows) -> Finding:
    network, chains = the(rows, method="mdn_crust"), next(r for r in rows if r["method"].startswith("Markov"))
    apart = abs(network["mean_km"] - chains["mean_km"])
    shown = f"{network['mean_km']:.1f} ± {network['sd_km']:.1f} and {chains['mean_km']:.1f} ± {chains['sd_km']:.1f} km"
    return holds(apart < chains["sd_km"], shown)


MONTE_CARLO = (
    Claim(
        "section 3.3, 5 (3)",
        "a network inverts the map in seconds, Monte Carlo needs three weeks on four processors for it",
        _faster_than_chains,
    ),
    Claim("section 3.3", "a network stands in for Monte Carlo (no curve is compared there)", _same_answer),
)


def _against(model: str, misfit_km: float, correlation: float) -> Claim:
    return Claim(
        f"table 1, figure 8: {model}",
        f"RMS misfit {misfit_km:g} km, correlation {correlation:g} with {model} over eastern Tibet",
        why=f"{_MAPS}; on the maps of Yunnan that are free, zoo/crust/README.md has ours against CRUST1.0",
        verdict=DOWNLOAD,
    )


ELSEWHERE = (
    _against("CUB2", 6.75, 0.80),
    _against("CRUST2.0", 6.70, 0.82),
    _against("ZJS", 8.00, 0.69),
    Claim("figure 4", "average phase velocity of the region, 10 to 35 mHz", why=_MAPS, verdict=DOWNLOAD),
    Claim(
        "figure 6",
        "map of crustal thickness: 60 to 75 km in the west, about 35 km around Xi'an",
        why=_MAPS,
        verdict=DOWNLOAD,
    ),
    Claim(
        "figure 7",
        "map of CUB2",
        why="a picture of another model; zoo prepare crust_models/cub2 reads it",
        verdict=DOWNLOAD,
    ),
    Claim("figure 9", "relative error of the phase velocity, smaller in the east", why=_MAPS, verdict=DOWNLOAD),
    Claim("figure 11", "map of another author", why="a picture only", verdict=NOT_COMPARABLE),
    Claim(
        "figures 1 to 3",
        "drawings of an autoencoder, of a stack of them, of the two problems",
        why="a drawing: nothing to measure; ssae_crust is that network",
        verdict=OPEN,
    ),
)
"""What no experiment repeats."""
