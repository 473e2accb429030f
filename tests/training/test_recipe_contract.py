"""What every recipe must have, whatever its method: the contract that `zoo check` holds an own one to."""

from __future__ import annotations

import pytest

from zoo import contracts, registry


@pytest.mark.parametrize("name", registry.list_recipes())
def test_a_recipe_says_what_it_is(name):
    assert not contracts.recipe_problems(name)
