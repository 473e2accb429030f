"""Where sources are put: spread evenly, off the faces, away from the water."""

from __future__ import annotations

import numpy as np
import pytest

from zoo.errors import ZooError
from zoo.microseismic.physics import design
from zoo.microseismic.physics.elastic import ElasticModel


def model(shape=(20, 24, 60), water_above=50, spacing_m=(10.0, 10.0, 10.0)) -> ElasticModel:
    vp = np.full(shape, 2000.0)
    vs, density = vp / 2, np.full(shape, 2200.0)
    vs[:, :, water_above:] = 0
    return ElasticModel(vp, vs, density, spacing_m)


def test_the_box_keeps_off_faces_and_water():
    first, last = design.source_box(model())
    assert first.tolist() == [2, 2, 2] and last.tolist() == [17, 21, 35]  # 150 m below node 50
    assert design.source_box(model(water_above=60))[1].tolist() == [17, 21, 57]  # no water: only the faces
    with pytest.raises(ZooError, match="No room for sources"):
        design.source_box(model(water_above=12))


def test_each_coordinate_is_evenly_spread_and_no_node_comes_twice():
    first, last = np.array([2, 2, 2]), np.array([17, 21, 35])
    nodes = design.latin_hypercube(400, first, last, seed=3)
    assert nodes.shape == (400, 3) and len(np.unique(nodes, axis=0)) == 400
    for axis in range(3):
        counts = np.bincount(nodes[:, axis], minlength=last[axis] + 1)[first[axis] :]
        assert counts.sum() == 400 and counts.max() - counts.min() <= 2
    np.testing.assert_array_equal(nodes, design.latin_hypercube(400, first, last, seed=3))
    assert (nodes != design.latin_hypercube(400, first, last, seed=4)).any()


def test_too_many_sources_are_refused():
    with pytest.raises(ZooError, match="gives 1 to 4"):
        design.latin_hypercube(5, np.array([0, 0, 0]), np.array([1, 1, 1]))
