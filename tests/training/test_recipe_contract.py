"""What every recipe must have, whatever its method: the contract that `zoo check` holds an own one to."""

from __future__ import annotations

import pytest

from zoo import contracts, registry

NAMES = registry.list_recipes()


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow if n.endswith(("t34", "t101")) else ()) for n in NAMES]
)
def test_a_recipe_says_what_it_is(name):
    assert not contracts.recipe_problems(name)
