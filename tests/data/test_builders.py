"""What every builder must have, whatever its dataset: the contract that `zoo check` holds an own one to."""

from __future__ import annotations

import pytest

from zoo import contracts
from zoo.data import builders


@pytest.mark.parametrize("dataset", builders.list_datasets())
def test_a_builder_says_what_it_is(dataset):
    assert not contracts.dataset_problems(dataset)
