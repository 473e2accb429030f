"""Every crust recipe through the trainer on a small real dataset: what comes out is whole and answers as promised."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from scipy import special

import zoo
from zoo import registry
from zoo.crust.models import training as crust_training
from zoo.data import datasets
from zoo.errors import UsageError, ZooError

RECIPES = ("mdn_crust", "joint_crust", "ssae_crust", "shallow_crust")
DATASET = "prem_dispersion/mini"


@pytest.fixture(scope="session")
def mini(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dispersion")
    datasets.prepare(DATASET, folder)
    return folder


@pytest.fixture(scope="module")
def records(mini):
    return datasets.arrays(DATASET, "test", mini)


@pytest.fixture(scope="module")
def trained(mini, tmp_path_factory):
    """Recipe name -> checkpoint folder of its smoke run, made when first asked for."""
    folders = {}

    def train(name):
        if name not in folders:
            out = tmp_path_factory.mktemp("runs") / f"{name}.smoke"
            folders[name] = zoo.recipe(name).train(out=out, data_dir=mini, smoke=True, seed=3)
        return folders[name]

    return train


@pytest.mark.parametrize("name", RECIPES)
def test_a_trained_model_is_a_checkpoint_that_answers(name, trained, records):
    folder = trained(name)
    model = zoo.load(folder)
    np.testing.assert_allclose(model.moho_range_km, [20, 100])
    assert len(model.frequency_hz) == records["phase_velocity_km_s"].shape[1] and model.noise_relative == 0.005
    with np.load(folder / "golden.npz") as sample:
        x, predicted = sample["phase_velocity_km_s"], sample["predicted"]
    np.testing.assert_allclose(model(x), predicted, rtol=1e-5)
    assert predicted.shape == (20, 1 + (records["vs_km_s"].shape[1] if name == "joint_crust" else 0))
    posterior = model.posterior(x)
    low, middle, high = (posterior.quantile_km(q) for q in (0.16, 0.5, 0.84))
    assert ((20 <= low) & (low < middle) & (middle < high) & (high <= 100)).all()
    assert posterior.mean_km.shape == posterior.sd_km.shape == (20,)
    if model.uses_error_bars:
        np.testing.assert_allclose(posterior.mean_km, predicted[:, 0], atol=0.02)
    scores = zoo.info(str(folder))["scores"]["test"]["metrics"]
    # Mean over the prior: 22.5 km.
    assert scores["rms_km"] < (20 if model.uses_error_bars else 24)
    assert {"rms_km_noise_free", "rms_km_noise_1", "coverage_50", "coverage_95", "pit_ks"} <= set(scores)


@pytest.mark.parametrize("name", RECIPES)
def test_configuration_and_weights_make_the_same_model(name, trained, records, tmp_path):
    model = zoo.load(trained(name))
    again = zoo.load(zoo.save(model, tmp_path / "copy.of", "A copy."))
    assert again.get_config() == model.get_config()
    x = records["phase_velocity_km_s"][:50]
    np.testing.assert_array_equal(again(x), model(x))
    np.testing.assert_array_equal(again.unfamiliarity(x), model.unfamiliarity(x))
    np.testing.assert_array_equal(again.posterior(x).sd_km, model.posterior(x).sd_km)
    assert not np.array_equal(again.posterior(x).cdf(40.0), again.posterior(x + 0.1).cdf(40.0))


@pytest.mark.parametrize("name", RECIPES)
def test_wrong_units_and_shapes_are_refused(name, trained, records):
    model = zoo.load(trained(name))
    x = records["phase_velocity_km_s"][:3]
    for ask in (model.posterior, model.unfamiliarity):
        with pytest.raises(ZooError, match="divide by 1000"):
            ask(1000 * x)
        with pytest.raises(ZooError, match="21"):
            ask(x[:, 1:])


def test_missing_periods_and_error_bars(trained, records):
    model = zoo.load(trained("mdn_crust"))
    x = records["phase_velocity_km_s"][:200].copy()
    whole = model.posterior(x)
    x[0] = np.nan
    x[1, 5:9] = np.nan
    part = model.posterior(x)
    assert np.isnan(part.mean_km[0]) and np.isnan(part.sd_km[0]) and np.isnan(np.asarray(model(x))[0, 0])
    assert np.isfinite(part.mean_km[1:]).all() and part.mean_km[1] != whole.mean_km[1]
    np.testing.assert_allclose(part.mean_km[2:], whole.mean_km[2:], rtol=1e-5)
    assert np.mean(model.posterior(x[1:], 0.02 * x[1:]).sd_km) > np.mean(part.sd_km[1:])
    # An error too large to have been in training is a missing velocity; one below the smallest is the smallest.
    sd = np.full(x.shape, 0.01)
    sd[2, 3] = 1.0
    without = x.copy()
    without[2, 3] = np.nan
    np.testing.assert_allclose(model.posterior(x, sd).mean_km, model.posterior(without, 0.01).mean_km, rtol=1e-6)
    np.testing.assert_array_equal(model.posterior(x, 1e-6).mean_km, model.posterior(x, 0.0).mean_km)
    with pytest.raises(ZooError, match="below 1"):
        model.posterior(x, noise_correlation=1.0)
    assert (model.posterior(x, noise_correlation=0.9).mean_km != part.mean_km)[1:].all()


def test_a_point_model_says_what_it_cannot(trained, records):
    model = zoo.load(trained("shallow_crust"))
    x = records["phase_velocity_km_s"][:100].copy()
    with pytest.warns(UserWarning, match="mdn_crust"):
        model.posterior(x, 0.1)
    x[0, 2] = np.nan
    found = model.posterior(x)
    assert np.isnan(found.mean_km[0]) and np.isfinite(found.sd_km[1:]).all()


def test_errors_of_a_point_model_are_those_of_held_out_curves(mini):
    recipe = zoo.recipe("shallow_crust")
    model = recipe.build(units=[4])
    model.configure(np.linspace(0.01, 0.035, 21), (20, 100))
    rng = np.random.default_rng(0)
    answer = rng.uniform(25, 95, 40_000)
    logit = np.log((answer - 20) / (100 - answer))
    spread = 0.1 + 0.004 * (answer - 20)
    true = 20 + 80 / (1 + np.exp(-(logit - 0.1 + spread * rng.standard_normal(len(answer)))))
    model.answers_km = lambda curves: curves
    model.measure_errors(answer, true)
    model.answers_km = lambda curves: np.array([40.0, 80.0])
    posterior = model.posterior(np.full((2, 21), 3.5))
    for row, km in enumerate((40.0, 80.0)):
        z = np.array([-1.0, 0.0, 1.0])
        expected = 20 + 80 / (1 + np.exp(-(np.log((km - 20) / (100 - km)) - 0.1 + (0.1 + 0.004 * (km - 20)) * z)))
        found = [posterior.quantile_km(q)[row] for q in (0.15866, 0.5, 0.84134)]
        np.testing.assert_allclose(found, expected, atol=0.6)
    # Errors with heavy tails: half of the truths lie in the central half.
    heavy = 20 + 80 / (1 + np.exp(-(logit + spread * rng.standard_t(3, len(answer)))))
    model.answers_km = lambda curves: curves
    model.measure_errors(answer, heavy)
    model.answers_km = lambda curves: answer
    below = model.posterior(np.full((len(answer), 21), 3.5)).cdf(heavy)
    for part in (0.5, 0.68, 0.95):
        assert (np.abs(below - 0.5) < part / 2).mean() == pytest.approx(part, abs=0.015)


def test_the_sparsity_penalty_is_equation_3():
    ssae = registry.recipe_module("ssae_crust")
    code = np.array([[0.1, 0.5], [0.3, 0.9]], np.float32)
    rho, expected = 0.05, 0.0
    for mean in (0.2, 0.7):
        expected += rho * np.log(rho / mean) + (1 - rho) * np.log((1 - rho) / (1 - mean))
    assert float(ssae.kl_sparsity(code, rho)) == pytest.approx(expected, rel=1e-5)
    assert float(ssae.kl_sparsity(np.full((5, 3), 0.05, np.float32), rho)) == pytest.approx(0, abs=1e-6)
    layer = keras.layers.Dense(4, "sigmoid")
    layer.build((None, 6))
    x = np.random.default_rng(0).uniform(size=(1000, 6)).astype(np.float32)
    for beta in (0.0, 0.3):
        autoencoder = ssae.SparseAutoencoder(layer, 0.5, beta, rho)
        autoencoder(x)
        expected = [beta * float(ssae.kl_sparsity(layer(x), rho))] if beta else []
        assert [float(loss) for loss in autoencoder.losses] == pytest.approx(expected, rel=1e-5)
    # Half of the inputs are masked, in training alone.
    same = keras.layers.Dense(6)
    same.build((None, 6))
    autoencoder = ssae.SparseAutoencoder(same, 0.5, 0.0, rho)
    for part in (same, autoencoder.decoder):
        part.set_weights([np.eye(6), np.zeros(6)])
    entered = lambda **how: special.logit(np.asarray(autoencoder(x, **how), np.float64))  # noqa: E731
    np.testing.assert_allclose(entered(), x, atol=1e-5)
    masked = entered(training=True)
    out = np.abs(masked) < 1e-5
    assert out.mean() == pytest.approx(0.5, abs=0.03)
    np.testing.assert_allclose(masked[~out], x[~out], atol=1e-5)


def test_pretraining_trains_each_layer_in_turn(mini):
    recipe = zoo.recipe("ssae_crust")
    stages = recipe.recipe.stages_of(recipe.recipe.choose("", recipe.recipe.smoke))
    assert [stage.name for stage in stages] == ["layer-1", "layer-2", "network"]
    records = datasets.arrays(DATASET, "train[:500]", mini)
    model = recipe.build(units=[20, 10])
    recipe.recipe.before_fit(model, records, {}, datasets.metadata(DATASET, mini))
    settings = recipe.settings
    codes, same = stages[1].examples(model, records, settings)
    assert codes is same and codes.shape == (500, 20)
    assert stages[0].trained_part(model).beta == 0.5 and stages[1].trained_part(model).beta == 0.0
    assert stages[1].trained_part(model).layer is model.network.hidden[1]
    first, _ = stages[0].examples(model, records, settings)
    assert first.shape == (500, 21) and 0.3 < first.mean() < 0.7 and first.std() == pytest.approx(1 / 8, rel=0.2)


def test_the_structures_of_table_1_are_presets():
    recipe = zoo.recipe("ssae_crust").recipe
    starred = recipe.choose("table1_10")
    assert starred["units"] == recipe.settings["units"].default and starred["sparsity_weight"] == 0.5
    assert (starred["epochs"], starred["batch_size"], starred["schedule"]) == (100, 100, "literal")
    assert len([tag for tag in recipe.tags if tag.startswith("table1_")]) == 12
    assert recipe.choose("table1_01")["batch_size"] == 10_000
    with pytest.raises(UsageError, match="schedule knows no 'cosine'"):
        recipe.choose("", {"schedule": "cosine"})


def test_the_literal_schedule_is_gradient_descent_at_rate_one():
    recipe = zoo.recipe("ssae_crust.table1_03")
    part = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, use_bias=False)])
    crust_training.compile_sigmoid(part, recipe.settings, 10)
    start = part.get_weights()[0]
    x, y = np.array([[1.0, 2.0]], np.float32), np.array([[0.1, 0.2, 0.3]], np.float32)
    part.fit(x, y, verbose=0)
    expected = start - x.T @ (x @ start - y)
    np.testing.assert_allclose(part.get_weights()[0], expected, rtol=1e-5)
