"""What every recipe must have, whatever its method: the contract that `zoo check` holds an own one to."""

from __future__ import annotations

import pytest
from large_models import large_are_slow

from zoo import contracts, registry


@pytest.mark.parametrize("name", large_are_slow(registry.list_recipes()))
def test_a_recipe_says_what_it_is(name):
    assert not contracts.recipe_problems(name)
