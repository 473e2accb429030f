"""What is kept with an object: made once for each key, bounded, and lost with the object."""

from __future__ import annotations

import gc
import weakref
from dataclasses import dataclass
from functools import partial

import keras
import numpy as np

from zoo.sampling.cache import MAX_ENTRIES, cached


@dataclass(frozen=True)
class Owner:
    name: str


class Entry:
    def __init__(self, owner):
        self.owner = owner


def test_an_entry_is_made_once_for_each_object_and_key():
    first, equal = Owner("a"), Owner("a")
    made = cached(first, ("key", 1), lambda: Entry(first))
    assert cached(first, ("key", 1), lambda: Entry(first)) is made
    assert cached(first, ("key", 2), lambda: Entry(first)) is not made
    assert cached(equal, ("key", 1), lambda: Entry(equal)) is not made


def test_the_oldest_of_too_many_entries_is_dropped():
    owner = Owner("a")
    made = [cached(owner, number, lambda: Entry(owner)) for number in range(MAX_ENTRIES + 1)]
    assert cached(owner, MAX_ENTRIES, lambda: None) is made[-1]
    assert cached(owner, 1, lambda: None) is made[1]
    assert cached(owner, 0, lambda: None) is None


def test_entries_go_with_their_object_though_they_refer_to_it():
    owner = Owner("a")
    entry = weakref.ref(cached(owner, 0, partial(Entry, owner)))
    gc.collect()
    assert entry() is not None
    del owner
    gc.collect()
    assert entry() is None


def test_a_model_that_owns_an_entry_has_no_weights_of_it_and_is_saved_as_before(tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    before = [weight.path for weight in model.weights]
    cached(model, 0, lambda: keras.layers.Dense(5))
    assert [weight.path for weight in model.weights] == before
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(np.ones((1, 2))), model(np.ones((1, 2))))
