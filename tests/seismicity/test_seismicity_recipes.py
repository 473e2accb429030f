"""Recipes of seismicity maps: training, decay, weights of half the size, scores, and the grid of tables S1 to S6."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import zoo
from zoo import checkpoint, reproduce
from zoo.data import datasets
from zoo.errors import UsageError, ZooError
from zoo.seismicity import reproduce as seismicity
from zoo.seismicity.models import training as seismicity_training
from zoo.training import trainer as training
from zoo.training.temperature import best_temperature


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("maps")
    datasets.prepare("seismicity_maps/few", folder, settings={"train": "2", "validation": "80", "test": "60"})
    return folder


SMALL = {"dataset": "seismicity_maps/few", "width": 8}


@pytest.fixture(scope="module")
def trained(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("trained") / "own.history"
    scored_on = ["test", "seismicity_maps/few:test"]
    recipe = zoo.recipe("seismicity_resnet18.history")
    return recipe.train(out=out, data_dir=folder, smoke=True, settings={**SMALL, "scored_on": scored_on})


def test_a_trained_model_is_loaded_as_it_was(trained, folder):
    model = zoo.load(trained)
    assert model.recipe_name == "seismicity_resnet18" and model.channels == 2 and model.depth == 18
    assert model.labels == ("background", "anomalous") and model.answers == "seismicity.anomaly"
    with np.load(trained / "golden.npz") as sample:
        assert np.allclose(model(sample["seismicity_map"]), sample["predicted"], atol=1e-6)
    card = checkpoint.read_card(trained)
    assert set(card["scores"]) == {"test", "seismicity_maps/few:test"}
    assert card["scores"]["test"]["examples"] == 60
    other = card["scores"]["seismicity_maps/few:test"]
    assert other["examples"] == 60 and other["command"].endswith("--dataset seismicity_maps/few --split test")
    again = training.evaluate(trained, "test", folder, "seismicity_maps/few")
    assert again == pytest.approx(other["metrics"], abs=2e-5)


def test_weights_are_stored_in_half_the_bytes(trained):
    import h5py

    kinds = {}
    with h5py.File(trained / checkpoint.WEIGHTS) as file:
        file.visititems(lambda name, item: kinds.update({name: item.dtype}) if isinstance(item, h5py.Dataset) else None)
    # All but the temperature, which is calibrated after the rounding.
    assert [name for name, kind in kinds.items() if kind != np.float16] in ([], ["vars/0"]) and len(kinds) > 100
    assert {str(weight.dtype) for weight in zoo.load(trained).weights} == {"float32"}


def test_the_decay_is_that_of_an_l2_penalty():
    """SGD on loss + decay / 2 * weight^2, which Keras's own weight_decay is not where there is momentum."""

    def trained(optimizer, penalty):
        regularizer = keras.regularizers.L2(penalty) if penalty else None
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, kernel_regularizer=regularizer)])
        model.layers[0].set_weights([np.ones((3, 2), np.float32), np.zeros(2, np.float32)])
        model.compile(optimizer, "mse")
        x = np.linspace(0, 1, 12, dtype=np.float32).reshape(4, 3)
        model.fit(x, x[:, :2], epochs=5, verbose=0, shuffle=False)
        return model.layers[0].get_weights()[0]

    penalised = trained(keras.optimizers.SGD(0.1, momentum=0.9), 0.05 / 2)
    decayed = trained(seismicity_training.DecayedSGD(0.1, 0.05), 0)
    assert np.allclose(decayed, penalised, atol=1e-3)
    assert not np.allclose(trained(seismicity_training.DecayedSGD(0.1, 0.0), 0), penalised, atol=1e-2)


def test_a_batch_holds_maps_of_every_task():
    model = zoo.recipe("seismicity_resnet18").build(width=4)
    settings = {"tasks": ["medium", "figure_s1"], "batch_size": 10}
    maps, labels = seismicity_training.draws(model, {}, settings)(np.random.default_rng(0))
    assert maps.shape == (10, 64, 64, 1) and labels.shape == (10,)
    with pytest.raises(UsageError, match="tasks knows no 'easy'"):
        zoo.recipe("seismicity_resnet18").recipe.choose(changes={"tasks": "medium,easy"})


def test_stored_maps_are_turned_and_mirrored():
    model = zoo.recipe("seismicity_resnet18.etas").build(width=4)
    counts = np.zeros((1, 64, 64), np.uint8)
    counts[0, 3, 10] = 2
    told = np.where(counts > 0, 0.5, 0.01).astype(np.float16)
    records = {"counts": counts, "past": told, "label": np.array([1])}
    settings = {"tasks": ["stored"], "batch_size": 40}
    maps, labels = seismicity_training.draws(model, records, settings)(np.random.default_rng(0))
    places = {tuple(np.argwhere(one[..., 0])[0].tolist()) for one in maps}
    assert labels.tolist() == [1] * 40
    assert places == {(r, c) for r, c in ((3, 10), (3, 53), (60, 10), (60, 53))} | {
        (r, c) for r, c in ((10, 3), (10, 60), (53, 3), (53, 60))
    }
    # Counts and intensity stay together.
    assert all(one[..., 1].argmax() == one[..., 0].argmax() for one in maps)


def test_unexpected_events_weigh_more():
    model = zoo.recipe("seismicity_resnet18.etas").build(width=4)
    maps = np.full((1, 64, 64, 2), 0.01, np.float32)
    maps[..., 0] = 0
    maps[0, 1, 1], maps[0, 2, 2] = (1, 0.01), (1, 5.0)
    gain = np.asarray(model.prepare(maps))[0, ..., 0]
    assert gain[1, 1] == pytest.approx(np.log(101), rel=1e-5) and gain[2, 2] == pytest.approx(np.log(1.2), rel=1e-4)
    with pytest.raises(UsageError, match="at_events needs channels 2"):
        zoo.recipe("seismicity_resnet18.single").build(width=4, at_events=True)
    assert gain[5, 5] == 0 and zoo.recipe("seismicity_resnet18.history").build(width=4).at_events is False


def test_a_network_is_grown_from_a_checkpoint(trained):
    grown = zoo.recipe("seismicity_resnet34.history").build(width=8, grown_from=str(trained))
    maps = np.random.default_rng(0).poisson(0.1, (4, 64, 64, 2)).astype(np.float32)
    source = zoo.load(trained)
    assert np.allclose(grown.network(grown.prepare(maps)), source.network(source.prepare(maps)), atol=1e-5)
    with pytest.raises(ZooError, match="noise_earthquake answers seismograms.class; expected seismicity.anomaly"):
        zoo.recipe("seismicity_resnet34").build(grown_from="noise_earthquake")


@pytest.mark.parametrize("wrong", [{"schedule": "linear"}, {"precision": "float16"}])
def test_unknown_choices_are_refused(wrong):
    ((key, value),) = wrong.items()
    with pytest.raises(UsageError, match=f"{key} knows no '{value}'"):
        zoo.recipe("seismicity_resnet18").recipe.choose(changes=wrong)


def test_the_papers_tag_has_its_values():
    for depth, rate in ((18, 0.005), (34, 0.003), (101, 0.0007)):
        settings = zoo.recipe(f"seismicity_resnet{depth}.paper").settings
        assert (settings["weight_decay"], settings["learning_rate"]) == (0.005, rate)
        assert (settings["schedule"], settings["patience"], settings["batch_size"]) == ("constant", 10, 32)


def test_area_under_the_curve():
    rng = np.random.default_rng(0)
    label, score = rng.integers(0, 2, 50), rng.integers(0, 6, 50)
    pairs = score[label == 1][:, None] - score[label == 0][None]
    expected = np.mean(np.where(pairs > 0, 1.0, np.where(pairs == 0, 0.5, 0.0)))
    assert seismicity_training.area_under_curve(label, score) == pytest.approx(expected)


def test_temperature_finds_how_sure_to_be():
    rng = np.random.default_rng(0)
    logit = rng.normal(0, 2, 20_000)
    true = (rng.random(20_000) < 1 / (1 + np.exp(-logit))).astype(int)
    stated = 1 / (1 + np.exp(-3 * logit))
    assert best_temperature(np.column_stack([1 - stated, stated]), true) == pytest.approx(3, rel=0.05)


@pytest.mark.slow
def test_the_grid_keeps_its_cells(folder, tmp_path, capsys):
    settings = {"dataset": "seismicity_maps/few", "networks": "18"}
    run = lambda **more: reproduce.run(  # noqa: E731
        "seismicity-grid", tmp_path, quick=True, data_dir=folder, settings={**settings, **more}
    )
    rows = run()
    assert [(row["table"], row["weight_decay"], row["learning_rate"]) for row in rows] == [
        ("S1", 0.0, 0.001),
        ("S2", 0.005, 0.01),
    ]
    assert [row["paper"] for row in rows] == [0.22, 0.228]
    assert all(0.3 < row["lowest_validation_loss"] <= row["final_validation_loss"] < 3 for row in rows)
    assert (tmp_path / "seismicity-grid.png").stat().st_size > 10_000
    capsys.readouterr()
    assert run() == rows and capsys.readouterr().err.count("trained already") == 2
    with pytest.raises(UsageError, match="received 50"):
        run(networks="50")


def test_the_grid_is_that_of_the_tables():
    for depth in (18, 34, 101):
        assert len(seismicity.PAPER_BY_DECAY[depth]) == len(seismicity.DECAYS)
        assert len(seismicity.PAPER_BY_RATE[depth]) == len(seismicity.RATES[depth])
        best = seismicity.DECAYS[int(np.argmin(seismicity.PAPER_BY_DECAY[depth]))]
        rate = seismicity.RATES[depth][int(np.argmin(seismicity.PAPER_BY_RATE[depth]))]
        assert (best, rate) == (seismicity_training.PAPER_DECAY, seismicity_training.PAPER_RATES[depth])
        # The tables of a network meet in the cell that both have.
        shared = seismicity.RATES[depth].index(seismicity.DECAY_STUDY_RATES[depth])
        assert seismicity.PAPER_BY_RATE[depth][shared] == min(seismicity.PAPER_BY_DECAY[depth])
