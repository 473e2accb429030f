"""Figure of an event located by its arrival times: its traces, their picks, and the predicted arrivals."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from zoo.figures import BLACK, BLUE, GREY, VERMILLION, style

# What is shown of the traces before the first and after the last arrival, s.
_BEFORE_S, _AFTER_S = 0.15, 0.3


def arrivals_figure(
    traces: np.ndarray,
    time_step_s: float,
    receivers_km: np.ndarray,
    picks_s: np.ndarray,
    pick_sds_s: np.ndarray,
    predicted_s: np.ndarray,
    unit: str,
) -> Figure:
    """Draw each receiver's trace around its arrival, with the pick and the arrival predicted from the posterior mean.

    Args:
        traces: (receivers, time) observed.
        time_step_s: sampling interval, s.
        receivers_km: (receivers, 3) for the titles.
        picks_s, pick_sds_s: (receivers,) picks and the sds that the location assumed, s; NaN where there is no pick.
        predicted_s: (receivers,) arrivals from the posterior mean, s.
        unit: of the traces.
    """
    count, samples = traces.shape
    time_s = np.arange(samples) * time_step_s
    with style():
        figure = Figure(figsize=(8.0, 0.8 + 1.4 * count))
        panels = figure.subplots(count, 1, sharex=True, squeeze=False)[:, 0]
        rows = zip(panels, traces, receivers_km, picks_s, pick_sds_s, predicted_s, strict=True)
        for panel, trace, receiver, pick, sd, predicted in rows:
            panel.plot(time_s, trace, color=BLACK, lw=0.7, label="observed")
            panel.axvline(predicted, color=BLUE, lw=1.2, label="arrival from the posterior mean")
            title = "receiver at ({:.3f}, {:.3f}, {:.3f}) km".format(*receiver)
            if np.isfinite(pick):
                panel.axvspan(pick - 1.96 * sd, pick + 1.96 * sd, color=VERMILLION, alpha=0.25, lw=0)
                panel.axvline(pick, color=VERMILLION, lw=1.2, ls="--", label="pick (the pulse begins), 95 %")
                title += f": {1000 * (pick - predicted):+.1f} ms"
            else:
                title += ": no pick"
            panel.axhline(0.0, color=GREY, lw=0.4, zorder=0)
            panel.set_title(title, loc="left")
            panel.ticklabel_format(axis="y", scilimits=(-3, 4), useMathText=True)
        known = np.concatenate([predicted_s, picks_s[np.isfinite(picks_s)]])
        panels[-1].set_xlim(max(known.min() - _BEFORE_S, 0.0), min(known.max() + _AFTER_S, time_s[-1]))
        panels[-1].set_xlabel("time after origin [s]")
        figure.supylabel(f"trace [{unit}]", fontsize="medium")
        named: dict = {}
        for panel in panels:
            handles, labels = panel.get_legend_handles_labels()
            named.update(zip(labels, handles, strict=True))
        figure.legend(named.values(), named.keys(), loc="outside upper right", ncols=3)
    return figure
