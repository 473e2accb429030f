"""Figures of an earth model, and of emulated traces beside simulated ones."""

from __future__ import annotations

import os

import numpy as np

from zoo.figures import save_figure, style

# What is shown of a trace before and after its peak, s.
_BEFORE_S, _AFTER_S = 0.15, 0.45


def draw_elastic_model(model, path: str | os.PathLike, receivers_km=None, sources_km=None) -> None:
    """Draw density, P and S speed on two vertical sections each, as Spurio Mancini et al. (2021), figure 7.

    Args:
        model: `zoo.microseismic.physics.elastic_model.ElasticModel`.
        path: the file.
        receivers_km, sources_km: (n, 3) points to mark, km.
    """
    import matplotlib.pyplot as plt

    quantities = (
        ("density", model.density_kg_m3, "kg/m³"),
        ("P-wave speed", model.vp_m_s, "m/s"),
        ("S-wave speed", model.vs_m_s, "m/s"),
    )
    nx, ny, nz = model.vp_m_s.shape
    x, y, z = (np.arange(n) * d / 1e3 for n, d in zip((nx, ny, nz), model.spacing_m, strict=True))
    with style():
        figure, axes = plt.subplots(1, 6, figsize=(11, 5.2), width_ratios=[1, 1] * 3, sharey=True)
        for i, (name, values, unit) in enumerate(quantities):
            limits = {"vmin": float(values.min()), "vmax": float(values.max()), "cmap": "viridis", "shading": "nearest"}
            left, right = axes[2 * i], axes[2 * i + 1]
            image = left.pcolormesh(x, z, values[:, ny // 2].T, **limits)
            right.pcolormesh(y, z, values[nx // 2].T, **limits)
            left.set(xlabel="x (km)", aspect="equal")
            right.set(xlabel="y (km)", aspect="equal")
            for side, axis in ((left, 0), (right, 1)):
                side.set_xticks([0, x[-1] / 2, x[-1]], ["0", f"{x[-1] / 2:g}", f"{x[-1]:g}"])
                if sources_km is not None:
                    side.plot(sources_km[:, axis], sources_km[:, 2], "o", ms=2.5, color="white", mew=0)
                if receivers_km is not None:
                    points = np.asarray(receivers_km)
                    side.plot(points[:, axis], points[:, 2], "v", ms=6, color="tab:red", mec="white", mew=0.6)
            figure.colorbar(image, ax=[left, right], location="top", shrink=0.9, label=f"{name} ({unit})")
        axes[0].set_ylabel("z above the model's bottom (km)")
        save_figure(figure, path)


def draw_emulation(
    true: np.ndarray, emulated: np.ndarray, coordinates_km: np.ndarray, time_step_s: float, path: str | os.PathLike
) -> None:
    """Draw simulated and emulated traces of some events at one receiver (Spurio Mancini et al. 2021, figure 8).

    Args:
        true, emulated: (events, time).
        coordinates_km: (events, 3) sources.
        time_step_s: sampling interval, s.
        path: the file.
    """
    import matplotlib.pyplot as plt

    time_s = np.arange(true.shape[-1]) * time_step_s
    with style():
        figure, axes = plt.subplots(len(true), 1, figsize=(7, 1.7 * len(true)), squeeze=False, layout="constrained")
        for row, (g, p, source) in enumerate(zip(true, emulated, coordinates_km, strict=True)):
            axis, scale = axes[row, 0], np.abs(g).max()
            peak = np.abs(g).argmax() * time_step_s
            axis.plot(time_s, g / scale, color="black", lw=1.8, label="simulated")
            axis.plot(time_s, p / scale, color="tab:orange", lw=1.2, ls="--", label="emulated")
            correlation = np.corrcoef(g, p)[0, 1]
            axis.set_xlim(max(0, peak - _BEFORE_S), min(time_s[-1], peak + _AFTER_S))
            location = ", ".join(f"{value:.3f}" for value in source)
            axis.set_title(f"source at ({location}) km, correlation {correlation:.3f}", fontsize="medium", loc="left")
            axis.set_ylabel("pressure / peak")
        axes[0, 0].legend(loc="upper right", fontsize="small")
        axes[-1, 0].set_xlabel("time (s)")
        save_figure(figure, path)
