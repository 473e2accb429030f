"""Recipes on windows of seismograms through the trainer: labels, schemas, schedules, calibration, collapses."""

from __future__ import annotations

import numpy as np
import pytest

import zoo
from zoo import registry
from zoo.data import datasets
from zoo.errors import UsageError, ZooError
from zoo.seismograms.models import scores as scoring
from zoo.seismograms.models import training as shared

APPLICATIONS = {"noise_earthquake": "both", "explosion_window": "shots", "p_picker": "quakes"}
KINDS = {"both": "noise,earthquake", "shots": "explosion,earthquake", "quakes": "earthquake"}


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """A folder with three small datasets of windows of 27 s at 20 Hz."""
    folder = tmp_path_factory.mktemp("windows")
    for name, kinds in KINDS.items():
        settings = {"kinds": kinds, "train": "240", "validation": "80", "test": "80", "window": "anywhere"}
        settings |= {"sampling_rate_hz": "20", "samples": "540", "normalise": "true", "complete": "true"}
        settings |= {"s_minus_p_s": "0.5:10"}
        datasets.prepare(f"local_seismograms/{name}", folder, settings=settings)
    return folder


@pytest.fixture(scope="session")
def autoencoder(folder, tmp_path_factory):
    """The folder of a small autoencoder's checkpoint."""
    out = tmp_path_factory.mktemp("runs") / "waveform_autoencoder.smoke"
    settings = {"dataset": "local_seismograms/quakes", "train_split": "train", "epochs": 12, "batch_size": 8}
    return zoo.recipe("waveform_autoencoder").train(out=out, data_dir=folder, smoke=True, settings=settings, seed=1)


@pytest.fixture(scope="session")
def trained(folder, autoencoder, tmp_path_factory):
    """(recipe, settings) -> checkpoint folder of a smoke run."""
    made = {}

    def train(name, **settings):
        key = (name, *sorted(settings.items()))
        if key not in made:
            out = tmp_path_factory.mktemp("runs") / f"{name}.smoke"
            own = {"dataset": f"local_seismograms/{APPLICATIONS[name]}", "encoder": str(autoencoder), **settings}
            made[key] = zoo.recipe(f"{name}.synthetic").train(
                out=out, data_dir=folder, smoke=True, settings=own, seed=3
            )
        return made[key]

    return train


def records_of(folder, dataset, split="test"):
    return datasets.arrays(f"local_seismograms/{dataset}", split, folder)


def test_an_autoencoder_reconstructs_any_unit(autoencoder, folder):
    model = zoo.load(autoencoder)
    waveform = records_of(folder, "quakes")["waveform"]
    x = np.asarray(model(waveform))
    assert x.shape == waveform.shape and model.code(waveform).shape == (80, 68, 8)
    np.testing.assert_allclose(model(3e-7 * waveform.astype(np.float64) + 1e-6), x, atol=1e-3)
    scores = zoo.info(str(autoencoder))["scores"]["test"]["metrics"]
    assert scores["mae"] < 0.7 * scores["mae_of_zero"] and scores["correlation"] > 0.3
    expected = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(waveform, x, strict=True)]
    np.testing.assert_allclose(scoring.correlations(waveform, x), expected, atol=1e-4)
    assert scores["correlation"] == pytest.approx(np.mean(expected), abs=1e-4)


def test_the_penalty_is_the_sum_over_features(autoencoder, folder):
    network = zoo.load(autoencoder).network
    x = records_of(folder, "quakes")["waveform"][:10]
    network.sparsity_weight = 1e-3
    network(x, training=True)
    expected = 1e-3 * np.asarray(network.encoder(x)).sum() / 10
    assert [float(loss) for loss in network.losses] == pytest.approx([expected], rel=1e-5)
    network(x)
    assert not network.losses


def test_the_papers_penalty_collapses_and_training_says_so(folder, tmp_path):
    recipe = zoo.recipe("waveform_autoencoder")
    changes = {"dataset": "local_seismograms/quakes", "schedule": "literal", "batch_size": 4, "epochs": 4}
    with pytest.raises(shared.CollapsedRun, match="sparsity_weight=0.0001"):
        recipe.train(settings=changes, out=tmp_path / "run", data_dir=folder)
    assert not (tmp_path / "run").exists()


def test_literal_is_table_1_and_users_have_the_last_word():
    literal = zoo.recipe("noise_earthquake").recipe.choose("", {"schedule": "literal", "labels": "1000"})
    assert (literal["learning_rate"], literal["finetune_rate"], literal["patience"]) == (0.01, 5e-5, 20)
    assert literal["batch_size"] == 8 and "sparsity_weight" not in literal
    autoencoder = zoo.recipe("waveform_autoencoder").recipe
    assert autoencoder.choose("over34", {"schedule": "literal"})["sparsity_weight"] == 1e-4
    assert autoencoder.choose("over34", {"schedule": "literal"})["batch_size"] == 400
    assert autoencoder.choose("", {"schedule": "literal", "batch_size": 7})["batch_size"] == 7
    assert autoencoder.choose("")["sparsity_weight"] == 1e-5
    with pytest.raises(UsageError, match="Known: literal, tuned"):
        autoencoder.choose("", {"schedule": "paper"})


def test_labels_are_few_resampled_by_seed_and_a_fifth_for_validation(folder):
    records, settings = records_of(folder, "both", "train"), {"labels": 50}
    names = []
    for seed in (0, 0, 1):
        chosen = shared.labelled_rows(None, records, {**settings, "seed": seed})
        names.append(set(records["trace_name"][chosen]))
    assert names[0] == names[1] != names[2] and len(names[0]) == len(names[2]) == 40
    held_out = [set(shared.validation_subset(records, settings)["trace_name"]) for _ in range(2)]
    assert held_out[0] == held_out[1] and len(held_out[0]) == 10
    assert len(shared.labelled_rows(None, records, {"labels": 0, "seed": 0})) == 240


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "head"), [("noise_earthquake", "cnn"), ("explosion_window", "dense"), ("p_picker", "cnn")]
)
def test_a_trained_application_answers_as_promised(name, head, trained, folder):
    where = trained(name, head=head, schema="frozen")
    model = zoo.load(where)
    records = records_of(folder, APPLICATIONS[name])
    x = np.asarray(model(records["waveform"]))
    np.testing.assert_allclose(model.outputs(5e4 * records["waveform"] - 100), x, atol=2e-2 * np.abs(x).max())
    if name == "p_picker":
        assert model.answers == "seismograms.arrival" and x.shape == (80, 1) and (x >= 0).all()
    else:
        assert model.answers == "seismograms.class" and x.shape == (80, 2)
        np.testing.assert_allclose(x.sum(1), 1, atol=1e-5)
        assert model.labels == tuple(KINDS[APPLICATIONS[name]].split(","))
    scores = zoo.info(str(where))["scores"]["test"]["metrics"]
    assert ({"sd_of_absolute_s"} if name == "p_picker" else {"accuracy", "cross_entropy"}) < set(scores)
    with np.load(where / "golden.npz") as sample:
        np.testing.assert_allclose(model(sample["waveform"]), sample["predicted"], rtol=1e-4, atol=1e-5)
    again = zoo.load(zoo.save(model, where.parent / f"copy.{head}", "A copy."))
    assert again.get_config() == model.get_config()
    np.testing.assert_array_equal(again(records["waveform"][:5]), model(records["waveform"][:5]))


@pytest.mark.slow
def test_schemas_train_what_they_say(trained, autoencoder):
    source = zoo.load(autoencoder).network.encoder.get_weights()
    distance = {}
    for schema in shared.SCHEMAS:
        model = zoo.load(trained("noise_earthquake", schema=schema, head="cnn"))
        found = model.network.encoder.get_weights()
        distance[schema] = max(np.abs(a - b).max() for a, b in zip(found, source, strict=True))
        assert len(model.trainable_variables) == len(found) + 6  # the encoder goes on to be trainable
    assert distance["frozen"] == 0 < distance["finetune"] < 0.05 < distance["baseline"]
    stages = zoo.recipe("noise_earthquake").recipe.stages
    settings = zoo.recipe("noise_earthquake").settings
    assert [stage.name for stage in stages({**settings, "schema": "finetune"})] == ["head", "network"]
    assert [stage.name for stage in stages({**settings, "schema": "frozen"})] == ["network"]


def test_wrong_schemas_encoders_and_datasets_are_refused(trained, autoencoder, folder):
    recipe = zoo.recipe("noise_earthquake")
    with pytest.raises(UsageError, match="Known: baseline, finetune, frozen"):
        recipe.build(encoder=str(autoencoder), schema="both")
    where = trained("noise_earthquake", schema="frozen", head="cnn")
    with pytest.raises(ZooError, match="answers seismograms.class; expected seismograms.features"):
        recipe.build(encoder=str(where))
    with pytest.raises(ZooError, match="the dataset also has explosion"):
        scoring.class_score(zoo.load(where), records_of(folder, "shots"))


def test_categories_of_archives_are_understood():
    records = {"trace_category": np.array([b"earthquake_local", b"noise", b"earthquake_local"], object)}
    np.testing.assert_array_equal(scoring.classes(records, ("noise", "earthquake")), [1, 0, 1])


def test_calibration_finds_the_temperature(trained, folder):
    """Of a model whose logits were made three times too large."""
    model = zoo.load(trained("noise_earthquake", schema="frozen", head="cnn"))
    records = records_of(folder, "both", "train")
    shared.calibrate(model, records, {"labels": 0})
    before, scores = float(model.temperature), scoring.class_score(model, records)
    decision = model.network.application[-1]
    decision.set_weights([3 * w for w in decision.get_weights()])
    shared.calibrate(model, records, {"labels": 0})
    assert float(model.temperature) == pytest.approx(3 * before, rel=0.02)
    again = scoring.class_score(model, records)
    assert again["accuracy"] == scores["accuracy"]
    assert again["cross_entropy"] == pytest.approx(scores["cross_entropy"], rel=1e-3)


def test_scores_of_answers_that_are_known(autoencoder):
    class Known:
        labels, sampling_rate_hz = ("noise", "earthquake"), 20.0

        def __init__(self, samples):
            self.samples = samples

        def outputs(self, waveform):
            return waveform

    wave = np.array([[0.8, 0.2], [0.6, 0.4], [0.3, 0.7], [0.9, 0.1]])
    records = {"waveform": wave, "trace_category": np.array(["noise", "noise", "earthquake", "earthquake"], object)}
    scores = scoring.class_score(Known(2), records)
    assert scores["accuracy"] == 0.75 and scores["recall_noise"] == 1 and scores["recall_earthquake"] == 0.5
    assert scores["cross_entropy"] == pytest.approx(-np.log([0.8, 0.6, 0.7, 0.1]).mean())
    assert scores["calibration_error"] == pytest.approx((0.2 + 0.4 + 0.3 + 0.9) / 4)
    assert scores["of_commonest"] == 0.5 and scores["windows"] == 4

    p_picker = registry.recipe_module("p_picker")
    arrivals = np.array([100.0, 200.0, np.nan, 400.0])
    records = {"waveform": np.array([[101.0], [200.0], [9.0], [420.0]]), "trace_p_arrival_sample": arrivals}
    scores = p_picker.score(Known(1), records)
    assert scores["mae_s"] == pytest.approx(0.35) and scores["median_s"] == pytest.approx(0.05)
    assert scores["within_0.1_s"] == pytest.approx(2 / 3) and scores["mae_of_median_s"] == pytest.approx(5)
    assert scores["sd_of_absolute_s"] == pytest.approx(np.std([0.05, 0, 1.0]))


def test_longer_records_are_cut_around_p_and_noise_before_it():
    """One trace of 1800 samples with P at 600, one that begins late, one without P, one with P too early for noise."""

    class Model:
        samples, sampling_rate_hz = 540, 20.0

    waveform = np.random.default_rng(0).normal(size=(4, 1800, 3))
    waveform[1, :150] = 4
    records = {
        "waveform": waveform,
        "trace_name": np.array([b"a", b"b", b"c", b"d"], object),
        "trace_category": np.array([b"earthquake"] * 4, object),
        "trace_p_arrival_sample": np.array([600.0, 600.0, np.nan, 300.0]),
    }
    made = scoring.windows(records, Model(), noise=True)
    assert list(made["trace_name"]) == ["a", "a before P", "b", "d"]
    np.testing.assert_array_equal(scoring.classes(made, ("noise", "earthquake")), [1, 0, 1, 1])
    np.testing.assert_array_equal(made["waveform"][1], waveform[0, 40:580])
    for row, trace in ((0, 0), (2, 1), (3, 3)):
        p = made["trace_p_arrival_sample"][row]
        assert 20 <= p <= 180
        start = int(records["trace_p_arrival_sample"][trace] - p)
        np.testing.assert_array_equal(made["waveform"][row], waveform[trace, start : start + 540])
    assert len(scoring.windows(records, Model())["waveform"]) == 3
    again = scoring.windows({key: values[::-1] for key, values in records.items()}, Model())
    np.testing.assert_array_equal(again["waveform"][::-1], made["waveform"][[0, 2, 3]])
    with pytest.raises(ZooError, match="500 samples"):
        scoring.windows({**records, "waveform": waveform[:, :500]}, Model())


def test_real_traces_are_reconstructed(real_data):
    """The shipped overcomplete autoencoder, which saw synthetic seismograms alone, on 40 real ones of NCEDC."""
    from zoo.seismograms import signals

    data = [np.load(path)["data"][:, ::-1] for path in sorted((real_data / "picks").glob("*.npz"))]
    windows = signals.resample(signals.demean(np.stack(data)), 100, 20, starts=np.full(len(data), 2000), samples=540)
    scores = scoring.reconstruction_score(zoo.load("waveform_autoencoder"), {"waveform": windows})
    assert scores["correlation"] > 0.94
