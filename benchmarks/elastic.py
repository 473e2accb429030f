"""Cost and accuracy of the elastic simulation.

    python benchmarks/elastic.py [--steps N]

Cost: CPU-seconds for one receiver of the marine dataset (81 x 81 x 301 nodes, 2 s, the traces of 4000 sources).
`--steps N` simulates only the first N of its 2500 steps and extrapolates from their second half, by the nodes that each
step computes. Accuracy: source and receiver exchanged (six pairs in a block of the marine model with sea and rock), a
homogeneous medium against the analytic explosion, pressure and velocity; an explosion under a free surface against the
integral over wavenumbers; and a source and a receiver between the nodes against a grid that is twice as fine.
"""

from __future__ import annotations

import argparse
import math
import time

import numpy as np
from table import print_table

from zoo.microseismic.physics import design, elastic, marine
from zoo.microseismic.physics.closed_forms import explosion_velocity, surface_velocity
from zoo.microseismic.physics.elastic_kernels import HALO
from zoo.microseismic.physics.elastic_march import reached
from zoo.training.metrics import relative_error

STEPS, STEP_S, EVERY = 2500, 0.8e-3, 5


def cost_of_a_receiver(model: elastic.ElasticModel, steps: int) -> float:
    """Return CPU-seconds for all steps of the central receiver, measured on the first `steps`."""
    receiver = np.array(marine.MARINE_RECEIVERS[0]) - 1
    sources = design.latin_hypercube(4000, *design.source_box(model))

    def measure(steps: int) -> float:
        start = time.process_time()
        elastic.receiver_gathers(model, receiver, sources, duration_s=steps * STEP_S, description=f"{steps} steps")
        return time.process_time() - start

    measure(EVERY)  # compiles
    seconds = measure(steps)
    if steps == STEPS:
        return seconds
    pad = elastic.ABSORBING_CELLS + HALO
    shape = tuple(n + 2 * pad for n in model.shape)
    nodes = np.cumsum(
        [
            math.prod(stop - first for first, stop in reached(model, receiver + pad, receiver + pad, shape, n * STEP_S))
            for n in range(1, STEPS + 1)
        ]
    )
    half = steps // 2 // EVERY * EVERY
    per_node = (seconds - measure(half)) / (nodes[steps - 1] - nodes[half - 1])
    return seconds + per_node * (nodes[-1] - nodes[steps - 1])


def reciprocity_errors(model: elastic.ElasticModel) -> dict[str, float]:
    """Return the largest relative error of six pairs, for both strengths and for wrong moduli."""
    block = (slice(20, 46), slice(20, 44), slice(200, 250))
    model = elastic.ElasticModel(model.vp_m_s[block], model.vs_m_s[block], model.density_kg_m3[block], model.spacing_m)
    sources = np.array([[3, 20, 2], [22, 4, 7], [12, 12, 12]])
    receivers = np.array([[5, 5, 43], [19, 16, 45]])  # at the seabed and in the sea
    errors: dict[str, list[float]] = {}
    lam_2mu = model.density_kg_m3.astype(np.float64) * model.vp_m_s**2
    lam = lam_2mu - 2 * model.density_kg_m3 * model.vs_m_s**2
    bulk = model.bulk_modulus_pa
    for strength in ("volume", "moment"):
        direct = [
            elastic.shot_gather(model, source, receivers, duration_s=0.5, source_strength=strength)
            for source in sources
        ]
        for j, receiver in enumerate(receivers):
            gather = elastic.receiver_gathers(model, receiver, sources, duration_s=0.5, source_strength=strength)
            for i, source in enumerate(sources):
                truth = direct[i][j]
                factors = {strength: 1.0}
                if strength == "moment":
                    for name, modulus in (("with lambda", lam), ("with lambda + 2 mu", lam_2mu)):
                        ratio = modulus / bulk
                        factors[name] = ratio[tuple(receiver)] / ratio[tuple(source)]
                for name, factor in factors.items():
                    errors.setdefault(name, []).append(relative_error(factor * gather[i], truth))
    return {name: max(e) if name in ("volume", "moment") else min(e) for name, e in errors.items()}


def analytic_error() -> float:
    """Return the largest relative error against the explosion in a homogeneous rock, 250 to 480 m away."""
    vp, vs, density, sigma_s = 2500.0, 1300.0, 2200.0, 0.014
    model = elastic.ElasticModel(*(np.full((36, 36, 36), v) for v in (vp, vs, density)), marine.SPACING_M)
    source = np.array([5, 8, 7])
    receivers = np.array([[22, 22, 22], [5, 28, 7], [31, 8, 20], [5, 8, 34], [33, 33, 33]])
    pressure = elastic.shot_gather(model, source, receivers, duration_s=0.4, sigma_s=sigma_s)
    steepest = math.exp(-0.5) / (sigma_s**2 * math.sqrt(2 * math.pi))
    errors = []
    for trace, receiver in zip(pressure, receivers, strict=True):
        distance_m = np.linalg.norm((receiver - source) * marine.SPACING_M)
        pulse = elastic.gaussian_derivative(np.arange(trace.size) * 0.004 - distance_m / vp, sigma_s)
        scale = model.bulk_modulus_pa[0, 0, 0] ** 2 / (4 * math.pi * density * vp**4 * distance_m)
        truth = scale * steepest * pulse
        errors.append(relative_error(trace, truth))
    return max(errors)


def velocity_errors() -> tuple[float, float]:
    """Return the largest relative error of three components: source for receiver, and against the closed form."""
    vp, vs, density = 2500.0, 1300.0, 2200.0
    model = elastic.ElasticModel(*(np.full((28, 28, 28), v) for v in (vp, vs, density)), marine.SPACING_M)
    source, receiver = np.array([5, 8, 7]), np.array([20, 18, 18.4])
    exchanged, analytic = [], []
    truth = explosion_velocity((receiver - source) * marine.SPACING_M, np.arange(76) * 0.004, vp, vs)
    for axis, component in enumerate("ENZ"):
        options = {"duration_s": 0.3, "component": component}
        trace = elastic.receiver_gathers(model, receiver, source[None], **options)[0]
        direct = elastic.shot_gather(model, source, receiver[None], **options)[0]
        exchanged.append(relative_error(trace, direct))
        analytic.append(relative_error(trace, truth[axis]))
    return max(exchanged), max(analytic)


def free_surface_errors(sigma_s: float) -> tuple[float, float]:
    """Return the relative errors of the radial and the vertical velocity, 125 m away from an explosion 125 m deep."""
    vp, vs, density, spacing_m = 2500.0, 1300.0, 2200.0, 12.5
    model = elastic.ElasticModel(*(np.full((21, 17, 15), v) for v in (vp, vs, density)), (spacing_m,) * 3)
    options = {"duration_s": 0.32, "time_step_s": 1e-3, "output_every": 4, "sigma_s": sigma_s, "free_surface": True}
    truth = surface_velocity(10 * spacing_m, 10 * spacing_m, np.arange(81) * 0.004, vp, vs, sigma_s)
    traces = [
        elastic.receiver_gathers(model, [14, 8, 14], np.array([[4, 8, 4]]), component=component, **options)[0]
        for component in "EZ"
    ]
    return tuple(relative_error(trace, true) for trace, true in zip(traces, truth, strict=True))


def between_nodes_errors() -> tuple[float, float]:
    """Return the errors, relative to a grid twice as fine, of a receiver and of a source half way between nodes."""
    found, options = [], {"duration_s": 0.32, "time_step_s": 8e-4, "sigma_s": 0.021}
    for refined in (1, 2):
        shape = (20 * refined + 1, 16 * refined + 1, 20 * refined + 1)
        z = np.arange(shape[2]) / refined  # in coarse cells: the same earth on both grids
        vp = np.broadcast_to(2600.0 - 15.0 * z, shape)
        model = elastic.ElasticModel(vp, vp / 1.8, 310 * vp**0.25, (12.5 / refined,) * 3)
        node, other = refined * np.array([15, 8, 15]), refined * np.array([4.5, 7.5, 5.5])
        found.append(
            [elastic.shot_gather(model, node, other[None], **options)[0],
             elastic.shot_gather(model, other, node[None], **options)[0]]
        )  # fmt: skip
    return tuple(relative_error(coarse, fine) for coarse, fine in zip(*found, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=STEPS, help="steps to simulate (default: all 2500)")
    steps = min(max(parser.parse_args().steps, 4 * EVERY), STEPS)
    steps -= steps % EVERY  # whole samples
    model = marine.marine_model()
    seconds = cost_of_a_receiver(model, steps)
    errors = reciprocity_errors(model)
    exchanged, velocity = velocity_errors()
    surface = {sigma_s: "{:.2%}, {:.2%}".format(*free_surface_errors(sigma_s)) for sigma_s in (0.021, 0.014)}
    receiver, source = between_nodes_errors()
    measured = "measured" if steps == STEPS else f"extrapolated from {steps} steps"
    rows = [
        ["marine, one receiver, 4000 traces", f"{seconds:.0f} CPU-s ({measured})", "<= 900 CPU-s"],
        ["its memory", f"{elastic.memory_bytes(model.shape) / 1e9:.2f} GB", ""],
        ["reciprocity, 6 pairs, equal volume", f"{errors['volume']:.1e}", "<= 1e-5"],
        ["reciprocity, 6 pairs, equal moment", f"{errors['moment']:.1e}", "<= 1e-5"],
        ["  with lambda instead of K", f"{errors['with lambda']:.2f} (at least)", "> 0.1"],
        ["  with lambda + 2 mu instead of K", f"{errors['with lambda + 2 mu']:.2f} (at least)", "> 0.1"],
        ["homogeneous rock, analytic explosion", f"{analytic_error():.2%}", "<= 2 %"],
        [
            "velocity by a force at the receiver, three components exchanged",
            f"{exchanged:.1e}",
            "<= 1e-5",
        ],
        ["  against the analytic explosion", f"{velocity:.2%}", "<= 2 %"],
        ["free surface, wavenumber integral: radial, vertical; 14 cells a wavelength of S", surface[0.021], "<= 2 %"],
        ["  9 cells", surface[0.014], ""],
        ["receiver, source between nodes, a twice finer grid", f"{receiver:.2%}, {source:.2%}", "<= 1 %"],
    ]
    print_table("Elastic simulation (relative L2 errors, worst trace)", ["what", "measured", "target"], rows)


if __name__ == "__main__":
    main()
