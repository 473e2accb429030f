"""Particle velocity and the free surface of the elastic simulation, against closed forms and source for receiver."""

from __future__ import annotations

import numpy as np
import pytest

from zoo.errors import ZooError
from zoo.microseismic.physics import elastic
from zoo.microseismic.physics.between_nodes import spread
from zoo.microseismic.physics.closed_forms import explosion_velocity, surface_velocity
from zoo.microseismic.physics.elastic import ElasticModel
from zoo.microseismic.physics.simulation import simulate
from zoo.training.metrics import relative_error

VP, VS, DENSITY, SPACING_M = 2500.0, 1300.0, 2200.0, 12.5
TIMES = {"time_step_s": 1e-3, "output_every": 4}
AXES = {"E": 0, "N": 1, "Z": 2}
OTHERS = [pytest.param(one, marks=pytest.mark.slow) for one in "NE"]


def rock(shape) -> ElasticModel:
    return ElasticModel(*(np.full(shape, value) for value in (VP, VS, DENSITY)), (SPACING_M,) * 3)


@pytest.mark.parametrize("component", ["Z", *OTHERS])
def test_velocity_by_reciprocity_is_the_explosions(component):
    model, source, receiver = rock((17, 17, 17)), np.array([3, 4, 3]), np.array([11.0, 12.0, 11.3])
    options = {"duration_s": 0.2, "component": component, **TIMES}
    back = elastic.receiver_gathers(model, receiver, source[None], **options)[0]
    direct = elastic.shot_gather(model, source, receiver[None], **options)[0]
    expected = explosion_velocity((receiver - source) * SPACING_M, np.arange(51) * 0.004, VP, VS)[AXES[component]]
    assert relative_error(back, direct) < 1e-5
    assert relative_error(back, expected) < 0.02


@pytest.mark.slow
def test_velocity_of_moment_tensors_by_reciprocity():
    model, source, receiver = rock((17, 17, 17)), np.array([3, 4, 3]), np.array([11, 12, 11])
    speeds = model.vs_m_s * np.linspace(1, 1.2, 17, dtype=np.float32)  # faster upwards
    model = ElasticModel(model.vp_m_s, speeds, model.density_kg_m3, model.spacing_m)
    tensor = np.array([1.0, -2, 0.5, 0.7, -0.3, 1.1])
    options = {"duration_s": 0.2, "component": "N", **TIMES}
    direct = elastic.shot_gather(model, source, receiver[None], moment_tensor_n_m=tensor, **options)[0]
    greens = elastic.greens_functions(model, receiver, source[None], **options)[0]
    assert relative_error(np.einsum("c,ct->t", tensor, greens), direct) < 1e-5
    moment = elastic.shot_gather(model, source, receiver[None], source_strength="moment", **options)[0]
    back = elastic.receiver_gathers(model, receiver, source[None], source_strength="moment", **options)[0]
    assert relative_error(back, moment) < 1e-5
    assert relative_error(greens[:3].sum(axis=0) * elastic.MOMENT_N_M, moment) < 1e-5


@pytest.mark.parametrize(("component", "row"), [("Z", 1), pytest.param("E", 0, marks=pytest.mark.slow)])
def test_explosion_under_a_free_surface_is_that_of_the_wavenumber_integral(component, row):
    model, source, receiver = rock((21, 17, 15)), np.array([[4, 8, 4]]), np.array([14, 8, 14])
    options = {"duration_s": 0.312, "component": component, "sigma_s": 0.021, **TIMES}
    trace = elastic.receiver_gathers(model, receiver, source, free_surface=True, **options)[0]
    expected = surface_velocity(125.0, 125.0, np.arange(trace.size) * 0.004, VP, VS, 0.021)[row]
    assert relative_error(trace, expected) < 0.02


def test_wavenumber_integral_doubles_the_motion_above_a_deep_explosion_and_repeats_on_finer_times():
    time_s = np.arange(100) * 0.004
    up = surface_velocity(600.0, 0.5, time_s, VP, VS)[1]
    free = explosion_velocity(np.array([0.0, 0.0, 600.0]), time_s, VP, VS)[2]
    assert relative_error(up, 2 * free) < 0.05  # but for the near field
    fine = surface_velocity(600.0, 0.5, np.arange(400) * 0.002, VP, VS)[1]
    assert relative_error(up, fine[:200:2]) < 1e-4


def test_below_a_free_surface_no_node_above_it_takes_part():
    nodes, weights = spread(np.array([[3.0, 4.0, 9.5], [3.0, 4.0, 2.5], [3.0, 4.0, 10.5]]), top=10)
    assert nodes[..., 2].max() == 10 and np.allclose(weights.sum(axis=1), 1, atol=2e-3)
    heights = np.einsum("nm,nm->n", weights[[0, 2]], nodes[[0, 2], :, 2].astype(float) ** 3)
    np.testing.assert_allclose(heights, [9.5**3, 10.5**3], rtol=1e-12)  # a cubic is exact


def test_components_of_a_receiver_follow_each_other_and_others_are_refused(monkeypatch):
    model, asked = rock((6, 6, 6)), []

    def shot_gather(model, source, receivers, component, free_surface, **options):
        asked.append((component, free_surface))
        return np.full((len(receivers), 3), "ZNE".index(component), np.float32)

    monkeypatch.setattr("zoo.microseismic.physics.simulation.shot_gather", shot_gather)
    places = [[0.03, 0.03, 0.03], [0.05, 0.03, 0.03]]
    traces = simulate(places[:1], model, places, components="ZNE", free_surface=True)
    assert traces[0, :, 0].tolist() == [0, 1, 2, 0, 1, 2] and asked == [("Z", True), ("N", True), ("E", True)]
    with pytest.raises(ZooError, match="component is 'R'; expected P"):
        elastic.shot_gather(model, [3, 3, 3], np.array([[2, 2, 2]]), component="R")
