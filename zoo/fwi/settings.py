"""What can be set of an inversion, in `zoo fwi --set` and in the recipes alike."""

from __future__ import annotations

from zoo.settings import Setting

OPTIMIZERS = ("gd", "momentum", "adagrad", "rmsprop", "adam", "cg", "l-bfgs-b", "tnc")
MISFITS = ("l2", "correlation", "envelope")

SETTINGS = {
    "optimizer": Setting("adam", "how the velocities are changed", "figures 6 to 16", choices=OPTIMIZERS),
    "learning_rate": Setting(
        40.0,
        "size of an update: for gd and momentum per unit of gradient; with a network, whose weights are no velocities, "
        "about 1e-3; none for cg, l-bfgs-b and tnc",
        "figures 6 to 11; the data are brought to an rms of 1, so it does not depend on their unit",
        unit="m/s",
        low=0.0,
    ),
    "iterations": Setting(
        100,
        "gradients of all shots, all stages together; for cg, l-bfgs-b, tnc evaluations of misfit and gradient",
        "figure 16",
        unit="gradients",
        low=1,
    ),
    "misfit": Setting("l2", "what is minimised", "l2: eq. 3; the others: ours", choices=MISFITS),
    "batch_size": Setting(
        None,
        "shots to an update; none: all. Those of an iteration that fill no batch are left out in turn",
        "section 'The synthetic example of Marmousi'",
        unit="shots",
        low=1,
        kind="whole",
        optional=True,
    ),
    "bands_hz": Setting(
        (),
        "low-pass corners of the stages before the last, which takes everything",
        "ours: Bunks et al. 1995",
        unit="Hz",
        low=0.0,
    ),
    "bounds": Setting(
        None,
        "lowest and highest velocity; none: 0.75 and 1.25 times those of the start (a recipe: none at all)",
        "ours",
        unit="m/s",
        low=0.0,
        kind="number",
        several=True,
        length=2,
        optional=True,
    ),
    "taper_m": Setting(
        0.0, "radius around a source in which updates rise from nothing to whole", "ours", unit="m", low=0.0
    ),
    "freeze_water": Setting(True, "leave the water of the start as it is", "ours"),
    "network": Setting(
        False, "let a network of the coordinates give the change of velocity", "ours: Sitzmann et al. 2020"
    ),
    "order": Setting(4, "order of the spatial differences: 2, 4 or 8", "ours", low=2, high=8),
    "width": Setting(14, "width of the absorbing layer", "ours", unit="cells", low=0),
    "free_surface": Setting(False, "reflect at the top of the grid", "ours"),
    "seed": Setting(0, "seed of the order of shots and of a network's weights", "ours", low=0),
}
