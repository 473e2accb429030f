"""Training that begins with a checkpoint: its weights are there, what is frozen stays, what does not fit is said."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import small_records

import zoo
from zoo import checkpoint, registry
from zoo.data import datasets
from zoo.errors import UsageError, ZooError
from zoo.training import fine_tuning, trainer

SMALL = {
    "samples": 1024,
    "filters": [4, 4, 4],
    "batch_size": 4,
    "steps_per_epoch": 2,
    "epochs": 1,
    "scored_on": [],
    "second_event_share": 0.0,
}


@pytest.fixture
def records(monkeypatch, tmp_path, without_xla):
    """A dataset of a few records, in place of one that is prepared."""
    made, about = small_records.of("phase_picker")
    splits = {"train": len(next(iter(made.values())))}
    monkeypatch.setattr(datasets, "metadata", lambda *_: {**about, "version": "1.0.0", "splits": splits})
    monkeypatch.setattr(datasets, "records", lambda *_, **__: made)
    monkeypatch.chdir(tmp_path)


def train(out, **arguments):
    settings = {**SMALL, **arguments.pop("settings", {})}
    return trainer.recipe("phase_picker.synthetic").train(out=out, settings=settings, **arguments)


@pytest.mark.long
def test_weights_are_taken_over_and_what_is_frozen_stays(records):
    first = train("first", seed=1)
    begun = zoo.load(train("begun", seed=2, start_from="first", settings={"epochs": 0}))
    for a, b in zip(zoo.load(first).get_weights(), begun.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    tuned = train("tuned", seed=2, start_from="first", settings={"frozen": "encoder"})
    before, after = zoo.load(first).network, zoo.load(tuned).network
    for kept, its in zip(*(fine_tuning.freezable(network)["encoder"] for network in (before, after)), strict=True):
        assert its.trainable
        for a, b in zip(kept.get_weights(), its.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
    moved = [np.abs(a - b).max() for a, b in zip(before.logits.get_weights(), after.logits.get_weights(), strict=True)]
    assert max(moved) > 0
    card = checkpoint.read_card(tuned)
    assert card["from"] == {"checkpoint": "first", "sha256": checkpoint.digest(first), "frozen": ["encoder"]}
    assert "--from first --set frozen=encoder" in card["command"] and "frozen" not in card["settings"]


@pytest.mark.long
def test_what_cannot_begin_with_a_checkpoint_says_why(records):
    train("first")
    with pytest.raises(ZooError, match="first does not fit: .* Give --set"):
        train("other", start_from="first", settings={"filters": [4, 6, 4]})
    with pytest.raises(UsageError, match="frozen knows no 'encodr'.*encoder"):
        train("typo", start_from="first", settings={"frozen": "encodr"})
    with pytest.raises(UsageError, match="name the checkpoint with --from"):
        train("none", settings={"frozen": "encoder"})
    with pytest.raises(UsageError, match="checkpoint of the recipe mdn_crust; expected one of phase_picker"):
        train("crust", start_from="mdn_crust")
    with pytest.raises(UsageError, match="the answer for one survey"):
        trainer.recipe("fdrnn_folded").train(start_from="fdrnn_folded")


@pytest.mark.parametrize(
    "name", ["phase_picker", "noise_earthquake", "mdn_crust", "waveform_autoencoder", "seismicity_resnet18.etas"]
)
def test_an_encoder_can_be_frozen_and_is_free_again(name):
    model = zoo.load(name)
    made = registry.recipe_module(name.split(".")[0]).RECIPE
    part = made.stages_of(made.choose())[-1].trained_part(model)
    free = len(part.trainable_weights)
    with fine_tuning.frozen(part, ["encoder"]):
        assert 0 < len(part.trainable_weights) < free
    assert len(part.trainable_weights) == free and isinstance(part, keras.Model)
