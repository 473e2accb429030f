"""Surface waves of any kind: ten sets of periods, Vs, real curves, wrong kinds, Yunnan, beside their targets.

    python benchmarks/surface_waves.py [--data-dir DIR] [--earths 20000]

Test Earths are those of `prem_dispersion/surface_waves`. Real curves (China, phase and group velocities at the same
points) and Yunnan's maps are looked for in the real data (ZOO_REAL_DATA).
"""

from __future__ import annotations

import argparse
import csv
import os
import time
from pathlib import Path

import numpy as np
from table import print_table

import zoo
from zoo.crust.familiar import familiarity
from zoo.crust.inversion import invert, read_map, read_reference
from zoo.crust.models.wave_network import KINDS
from zoo.crust.models.waves import log_curves
from zoo.crust.nodes import Nodes
from zoo.crust.profile_fit import fit_profiles
from zoo.crust.wave_scores import BOTH, PERIOD_SETS_S, PHASE, measured, score_set
from zoo.crust.waves import observe, wave_posterior
from zoo.data import datasets
from zoo.errors import ZooError

REAL = Path(os.environ.get("ZOO_REAL_DATA", Path(__file__).parents[2] / "shared" / "data"))
TARGETS_KM = {("short_period", PHASE): 7.4, ("short_period", BOTH): 6.5, ("usant15", BOTH): 7.2, ("aswms", BOTH): 7.4}
VS_EARTHS = 2000
MAP_POINTS = 30
FITTED_EARTHS = 100


def period_sets(model, nodes, records) -> list[list[str]]:
    """Score the ten sets of periods at 1 % (phase) and 2 % (group)."""
    rows, worst = [], 0.0
    for name, periods in PERIOD_SETS_S.items():
        found = {kinds: score_set(model, nodes, records, name, kinds) for kinds in (PHASE, BOTH)}
        coverage = {k: [s[f"coverage_{p}"] for p in (50, 68, 90, 95)] for k, s in found.items()}
        worst = max(
            [worst, *(abs(c - p) for cs in coverage.values() for c, p in zip(cs, (50, 68, 90, 95), strict=True))]
        )
        target = ", ".join(
            f"{'both' if k == BOTH else 'phase'} <= {t}" for (n, k), t in TARGETS_KM.items() if n == name
        )
        rows.append(
            [
                f"{name}, {len(periods)} periods of {periods[0]:g} to {periods[-1]:g} s: phase; both",
                f"{found[PHASE]['rms_km']:.2f}; {found[BOTH]['rms_km']:.2f} km, coverage "
                + "; ".join(" ".join(f"{c:.1f}" for c in coverage[k]) for k in (PHASE, BOTH)),
                target,
            ]
        )
    rows.append(["largest departure of a coverage from 50, 68, 90, 95 %", f"{worst:.1f} points", "<= 1.5"])
    few = {name: values[:VS_EARTHS] for name, values in records.items()}
    vs = score_set(model, nodes, few, "csrm", BOTH, vs=True)
    rows.append(
        [
            f"Vs at 20, 40, 80, 120 km, csrm's periods, both, {VS_EARTHS} Earths",
            " ".join(f"{vs[f'rms_vs_{d}_km_s']:.3f}" for d in (20, 40, 80, 120))
            + " km/s, coverage "
            + " ".join(f"{vs[f'coverage_vs_{p}']:.1f}" for p in (50, 68, 90, 95)),
            "<= 0.18, 0.19, 0.10, 0.10",
        ]
    )
    logs = log_curves({name: values[:FITTED_EARTHS] for name, values in records.items()})
    given = measured(nodes, logs.reshape(FITTED_EARTHS, len(KINDS), -1), PERIOD_SETS_S["csrm"], BOTH, 0.01, seed=3)
    posterior = wave_posterior(model, given, nodes=nodes)
    found = {"mean": posterior.vs_mean_km_s, "fitted": fit_profiles(posterior, given, 0.01).vs_km_s}
    at = [list(model.depth_km).index(depth) for depth in (20, 40, 80, 120)]
    true = records["vs_km_s"][:FITTED_EARTHS]
    rms = {k: np.sqrt(np.nanmean((vs - true)[:, at] ** 2, axis=0)) for k, vs in found.items()}
    rows.append(
        [
            f"  the first {FITTED_EARTHS}: the mean; the profile that fits the curve",
            "; ".join(" ".join(f"{v:.3f}" for v in values) for values in rms.values()) + " km/s",
            "",
        ]
    )
    return rows


def wrong_kinds(model, nodes, records, earths: int = 600) -> list[list[str]]:
    """Give group and Love velocities of Earths of the prior as Rayleigh phase velocities: how many are flagged."""
    logs = log_curves({name: values[-earths:] for name, values in records.items()})
    logs = logs.reshape(earths, len(KINDS), -1)
    rows = []
    for name in ("short_period", "csrm"):
        flagged, verdicts = {}, {}
        for kind in KINDS:
            given = measured(nodes, logs, PERIOD_SETS_S[name], (kind,), 0.01, seed=3)[kind]
            known = familiarity(nodes, observe(model, {"rayleigh_phase": given}, nodes=nodes))
            flagged[kind] = 100 * float(np.mean(known.unfamiliarity > 1))
            maps = known.unfamiliarity[: earths // MAP_POINTS * MAP_POINTS].reshape(-1, MAP_POINTS) > 1
            verdicts[kind] = 100 * float(np.mean(maps.sum(axis=1) >= 5))
        rows.append(
            [
                f"{name}: flagged as Rayleigh phase: itself; group; Love; Love group",
                "; ".join(f"{flagged[kind]:.1f} %" for kind in KINDS),
                "<= 1; >= 65; >= 60",
            ]
        )
        rows.append(
            [
                f"  maps of {MAP_POINTS} such points with 5 flagged or more",
                "; ".join(f"{verdicts[k]:.0f} %" for k in KINDS),
                "0; 100",
            ]
        )
    return rows


def real_curves(model, nodes) -> list[list[str]]:
    """China's curves: misfit of the fitted profile's curve, thickness by phase and by group, wrong kind."""
    table = REAL / "csrm" / "curves.csv"
    if not table.is_file():
        return [["real curves of China", f"no {table.name} (set ZOO_REAL_DATA)", ""]]
    found: dict[str, dict[float, tuple[float, float]]] = {}
    with open(table, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            pair = tuple(float(row[f"{k}_velocity_km_s"] or "nan") for k in ("phase", "group"))
            found.setdefault(row["curve"], {})[float(row["period_s"])] = pair
    periods = np.array(sorted({t for curve in found.values() for t in curve}))
    values = np.array([[curve.get(t, (np.nan, np.nan)) for t in periods] for curve in found.values()])
    curves = {"rayleigh_phase": (periods, values[..., 0], None), "rayleigh_group": (periods, values[..., 1], None)}
    posterior = wave_posterior(model, curves, nodes=nodes)
    misfit = fit_profiles(posterior, curves, float(model.noise_relative)).misfit_km_s
    one, two = (wave_posterior(model, {k: curves[k]}, nodes=nodes) for k in BOTH)
    both = np.isfinite(one.mean_km) & np.isfinite(two.mean_km)
    apart = (two.mean_km - one.mean_km)[both]
    right = familiarity(nodes, observe(model, {"rayleigh_phase": curves["rayleigh_phase"]}, nodes=nodes))
    wrong = familiarity(nodes, observe(model, {"rayleigh_phase": curves["rayleigh_group"]}, nodes=nodes))
    return [
        [
            f"{len(found)} real curves of China: misfit of the fitted profile, phase / group",
            f"{1e3 * np.nanmean(misfit['rayleigh_phase']):.0f} / {1e3 * np.nanmean(misfit['rayleigh_group']):.0f} m/s",
            "<= 20 / 40",
        ],
        ["  thickness by group less by phase", f"{apart.mean():+.1f} km, sd {apart.std():.1f}", ""],
        [
            "  flagged: phase as phase; group as phase",
            f"{np.sum(right.unfamiliarity > 1)}; {np.sum(wrong.unfamiliarity > 1)}, likelier "
            f"{wrong.likelier('rayleigh_phase')}",
            "0; most",
        ],
    ]


def yunnan(model) -> list[list[str]]:
    """Yunnan's real maps against CRUST1.0: alone, with the surroundings as a prior, and smooth."""
    maps = sorted((REAL / "phase_velocity").glob("*rayleigh.csv")) if REAL.is_dir() else []
    crust1 = sorted((REAL / "crust1").glob("*thick*")) + sorted((REAL / "crust1").glob("*crsthk*"))
    if not maps or not crust1:
        return [["Yunnan", "no real data (set ZOO_REAL_DATA)", ""]]
    velocities, reference = read_map(maps[0]), read_reference(crust1[0])
    rows = []
    for what, options in (
        ("alone", {}),
        ("--prior crust1", {"prior": reference}),
        ("--prior crust1 --smoothness 100", {"prior": reference, "smoothness_km": 100.0}),
    ):
        s = invert(velocities, model, reference=reference, **options).comparison.scores
        rows.append(
            [
                f"Yunnan against CRUST1.0, {what}: RMS, bias",
                f"{s['rms_km']:.2f}, {s['bias_km']:+.2f} km, correlation {s['correlation']:.2f}, inside 68 %, 95 %: "
                f"{100 * s['inside_68']:.0f}, {100 * s['inside_95']:.0f} %",
                "<= 4.0, 1" if "smooth" in what else "",
            ]
        )
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", help="where prem_dispersion/surface_waves lies")
    parser.add_argument("--model", default="surface_waves")
    parser.add_argument("--earths", type=int, default=20_000)
    options = parser.parse_args()
    model = zoo.load(options.model)
    nodes = Nodes(model)
    rows = [*real_curves(model, nodes), *yunnan(model)]
    try:
        records = datasets.arrays("prem_dispersion/surface_waves", "test", options.data_dir)
    except ZooError as error:
        rows.append(["test Earths", str(error).split(".")[0], ""])
    else:
        records = {name: values[: options.earths] for name, values in records.items()}
        start = time.process_time()
        rows = [*period_sets(model, nodes, records), *wrong_kinds(model, nodes, records), *rows]
        rows.append(["all of this", f"{time.process_time() - start:.0f} CPU-s", ""])
    print_table("Surface waves of any kind", ["what", "measured", "target"], rows)


if __name__ == "__main__":
    main()
