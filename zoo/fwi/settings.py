"""What can be set of an inversion, in `zoo fwi --set` and in the recipes alike."""

from __future__ import annotations

from zoo.settings import Setting

GRADIENT_OPTIMIZERS = ("gd", "momentum", "adagrad", "rmsprop", "adam")
"""Those that step along a gradient at a learning rate."""
SCIPY_OPTIMIZERS = ("cg", "l-bfgs-b", "tnc")
"""Those of scipy, which choose their steps themselves and need the gradient of all shots."""
OPTIMIZERS = (*GRADIENT_OPTIMIZERS, *SCIPY_OPTIMIZERS)
MISFITS = ("l2", "correlation", "envelope")
ENGINES = ("kernels", "xla")
"""What simulates: numba's kernels on a CPU, or XLA through JAX on its default device."""
UNCERTAINTIES = ("none", "halves")
AMPLITUDES = ("absolute", "per-shot", "per-trace")
"""How far the amplitudes of the data count: as they are, within each shot, or not at all."""
SETTINGS = {
    "optimizer": Setting("adam", "how the velocities are changed", "figures 6 to 21", choices=OPTIMIZERS),
    "learning_rate": Setting(
        40.0,
        "size of an update; for gd and momentum per unit of gradient; with a network, whose weights are not "
        "velocities, about 1e-3; cg, l-bfgs-b and tnc take none",
        "figures 6 to 11; data are scaled to an rms of 1, so it does not depend on their unit",
        unit="m/s",
        low=0.0,
    ),
    "damping": Setting(
        0.05,
        "what adam's steps are held back by where the gradient is small, as part of its rms over the grid; 0: Adam as "
        "it is",
        "ours: benchmarks/fwi_cases.py, fwi_reality.py",
        low=0.0,
    ),
    "iterations": Setting(
        100,
        "gradients of all shots, in all stages together; for cg, l-bfgs-b and tnc evaluations of misfit and gradient",
        "figure 16",
        unit="gradients",
        low=1,
    ),
    "misfit": Setting("l2", "what is minimised", "l2: eq. 3; the others: ours", choices=MISFITS),
    "batch_size": Setting(
        None,
        "shots to an update; none: all. Shots left over from whole batches are skipped, other ones each time",
        "section 'The synthetic example of Marmousi'",
        unit="shots",
        low=1,
        kind="whole",
        optional=True,
    ),
    "bands_hz": Setting(
        (),
        "low-pass corners of the stages before the last, which takes all frequencies; empty: one stage",
        "ours: Bunks et al. 1995",
        unit="Hz",
        low=0.0,
    ),
    "bounds": Setting(
        None,
        "lowest and highest velocity; none: 0.75 times the lowest and 1.25 times the highest of the start (a recipe: "
        "no bounds)",
        "ours",
        unit="m/s",
        low=0.0,
        kind="number",
        several=True,
        length=2,
        optional=True,
    ),
    "taper_m": Setting(
        0.0,
        "radius around a source in which updates rise from nothing to their full size; 0: none",
        "ours",
        unit="m",
        low=0.0,
    ),
    "freeze_water": Setting(True, "keep the water of the start as it is", "ours"),
    "amplitudes": Setting(
        None,
        "which amplitudes are trusted: absolute (one scale for all, solved for), per-shot, or per-trace (none); none: "
        "absolute where a wavelet is given, per-trace where it is unknown",
        "ours",
        choices=AMPLITUDES,
        optional=True,
        kind="text",
    ),
    "wavelet_every": Setting(
        5,
        "iterations from one solution for the wavelet to the next: all of it where none is given, its amplitude where "
        "one is; cg, l-bfgs-b and tnc, which compare misfits, take one a stage; 0: none",
        "Pratt 1999, eq. 17",
        unit="iterations",
        low=0,
    ),
    "wavelet_per_shot": Setting(False, "solve for the wavelet, or its amplitude, of each shot", "ours"),
    "mute_m": Setting(0.0, "offsets below which traces are left out", "ours", unit="m", low=0.0),
    "mute_early": Setting(False, "mute what comes before the first arrival in the start", "ours"),
    "offsets_m": Setting(
        (),
        "farthest offset of each stage, or of all; empty: no limit",
        "ours: Bunks et al. 1995",
        unit="m",
        low=0.0,
        kind="number",
        several=True,
    ),
    "windows_s": Setting(
        (),
        "how long after the first arrival in the start data count, in each stage or in all; empty: to the end",
        "ours",
        unit="s",
        low=0.0,
        kind="number",
        several=True,
    ),
    "point_source": Setting(
        False,
        "turn records of point sources, as the field has, into those of line sources, as the plane has: times sqrt(t), "
        "integrated by half an order",
        "Forbriger et al. 2014",
    ),
    "time_dispersion": Setting(
        False,
        "give data and wavelet the error of the time steps that the simulation has, so that it does not become one of "
        "velocity; not for shots that `simulate` made, which have it",
        "Koene et al. 2018",
    ),
    "hold_out": Setting(
        8,
        "traces of which one is left out of the fit and scored; 0: none",
        "ours",
        low=0,
    ),
    "uncertainty": Setting(
        "none",
        "halves: also invert the odd and the even shots on their own, at the same cost again, and draw how far the "
        "model depends on which were taken",
        "ours",
        choices=UNCERTAINTIES,
    ),
    "total_variation": Setting(
        0.0,
        "weight of the total variation of the change of velocity, over the misfit of the start",
        "ours: Rudin et al. 1992",
        low=0.0,
    ),
    "network": Setting(
        False, "let a neural network of the coordinates give the change of velocity", "ours: Sitzmann et al. 2020"
    ),
    "order": Setting(4, "order of the finite differences in space: 2, 4 or 8", "ours", low=2, high=8),
    "width": Setting(14, "width of the absorbing layer around the grid", "ours", unit="cells", low=0),
    "free_surface": Setting(False, "reflect at the top of the grid", "ours"),
    "seed": Setting(0, "seed of the order of shots and of a network's weights", "ours", low=0),
}
