"""Run another associator on picks that `association.py` wrote; called by it, in an environment of the peer's own.

    PYTHON_OF_THE_PEER benchmarks/association_peers.py pyocto FOLDER

FOLDER holds picks.csv (station, phase, time_s, probability), stations.csv (id, x_km, y_km, z_km: depth) and layers.csv
(depth_km, vp_km_s, vs_km_s); events.csv (time_s, x_km, y_km, z_km) and cpu_s.txt are written into it. PyOcto:
`pip install "numpy<2" pandas pyocto pyrocko`; GaMMA: `pip install GMMA pandas`. Their settings are those of their pages
for such networks, with the least picks of `zoo catalogue`: 8, 4 of P, 3 of S, 2 stations with both.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd


def pyocto(folder: Path, picks, stations, layers):
    import pyocto as octo

    layers = layers.rename(columns={"depth_km": "depth", "vp_km_s": "vp", "vs_km_s": "vs"})
    # Its solver takes values at depths, between which speeds change in lines: steps are two values close together.
    steps = layers.loc[layers.index.repeat(2)].reset_index(drop=True)
    steps["depth"] = [*np.sort(np.concatenate([layers.depth[1:] - 1e-3, layers.depth])), 200.0]
    model = folder / "pyocto.model"
    octo.VelocityModel1D.create_model(steps[steps.depth >= 0], 1.0, 250, 50, str(model))
    x, y = stations.x_km, stations.y_km
    associator = octo.OctoAssociator(
        xlim=(x.min() - 20, x.max() + 20), ylim=(y.min() - 20, y.max() + 20), zlim=(0, 30),
        velocity_model=octo.VelocityModel1D(str(model), tolerance=2.0, association_cutoff_distance=250),
        time_before=60, n_picks=8, n_p_picks=4, n_s_picks=3, n_p_and_s_picks=2,
    )  # fmt: skip
    stations = stations.rename(columns={"x_km": "x", "y_km": "y", "z_km": "z"})
    began = time.process_time()
    events, _ = associator.associate(picks.rename(columns={"time_s": "time"}), stations)
    return events[["time", "x", "y", "z"]], time.process_time() - began


def gamma(folder: Path, picks, stations, layers):
    from gamma.utils import association

    x, y = ((stations[key].min() - 20, stations[key].max() + 20) for key in ("x_km", "y_km"))
    axes = ["x(km)", "y(km)", "z(km)"]
    stations = stations.rename(columns=dict(zip(("x_km", "y_km", "z_km"), axes, strict=True)))
    speeds = [np.repeat(layers[key].to_numpy(), 2).tolist() for key in ("vp_km_s", "vs_km_s")]
    edges = layers.depth_km.to_numpy()
    depths = [*np.sort(np.concatenate([edges[1:] - 1e-3, edges])), 200.0]
    config = {
        "dims": axes, "x(km)": x, "y(km)": y, "z(km)": (0, 30),
        "use_dbscan": True, "dbscan_eps": 10, "dbscan_min_samples": 3, "use_amplitude": False,
        "method": "BGMM", "oversample_factor": 5, "vel": {"p": 6.0, "s": 6.0 / 1.75}, "ncpu": 1,
        "eikonal": {"vel": {"z": depths, "p": speeds[0], "s": speeds[1]}, "h": 1.0, "xlim": x, "ylim": y,
                    "zlim": (0, 30)},
        "bfgs_bounds": ((x[0] - 1, x[1] + 1), (y[0] - 1, y[1] + 1), (0, 31), (None, None)),
        "min_picks_per_eq": 8, "min_p_picks_per_eq": 4, "min_s_picks_per_eq": 3, "max_sigma11": 2.0,
        "max_sigma22": 1.0, "max_sigma12": 1.0,
    }  # fmt: skip
    table = pd.DataFrame(
        {
            "id": picks.station,
            "timestamp": pd.to_datetime(picks.time_s, unit="s"),
            "type": picks.phase.str.lower(),
            "prob": picks.probability.fillna(1.0),
        }
    )
    began = time.process_time()
    events, _ = association(table, stations, config, method="BGMM")
    spent_s = time.process_time() - began
    times_s = pd.to_datetime([event["time"] for event in events]).to_numpy().astype("datetime64[ns]").astype(np.int64)
    places = [[event[axis] for axis in axes] for event in events]
    return np.column_stack([times_s / 1e9, np.array(places).reshape(-1, 3)]), spent_s


def main() -> None:
    name, folder = sys.argv[1], Path(sys.argv[2])
    tables = (pd.read_csv(folder / f"{table}.csv") for table in ("picks", "stations", "layers"))
    events, spent_s = {"pyocto": pyocto, "gamma": gamma}[name](folder, *tables)
    np.savetxt(folder / "events.csv", events, delimiter=",", header="time_s,x_km,y_km,z_km", comments="", fmt="%.4f")
    (folder / "cpu_s.txt").write_text(f"{spent_s:.3f}\n")


if __name__ == "__main__":
    main()
