"""One test per claim, for every shipped checkpoint: it loads, gives what it gave, and its card is whole."""

from __future__ import annotations

import numpy as np
import pytest
from large_models import large_are_slow

import zoo
from zoo import checkpoint, contracts, registry

NAMES = registry.list_models()
ARCHITECTURES = sorted({name.split(".")[0] for name in NAMES})


def sample_of(name):
    """Return the stored input, the stored output, and everything else that a checkpoint brings."""
    return checkpoint.read_golden(registry.find(name))


def test_there_are_models():
    assert NAMES


@pytest.mark.parametrize("name", NAMES)
def test_the_card_says_everything(name):
    assert not contracts.card_problems(registry.find(name))
    assert zoo.info(name)["command"].startswith(f"zoo train {name}")
    assert name in registry.list_models(name.split(".")[0] + ".*")


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_bare_name_means_one_default(architecture):
    cards = [zoo.info(name) for name in NAMES if name.split(".")[0] == architecture]
    assert sum(bool(card.get("default")) for card in cards) == 1
    assert registry.full_name(architecture).startswith(architecture + ".")


@pytest.mark.parametrize("name", NAMES)
def test_golden_output(name):
    """Stored input -> stored output: a change of code or of a library that moves it is seen here."""
    assert not contracts.golden_problems(registry.find(name))


@pytest.mark.parametrize("name", large_are_slow(ARCHITECTURES))
def test_saving_a_loaded_model_changes_nothing(name):
    assert not contracts.saving_problems(registry.find(name))


@pytest.mark.parametrize("name", [name for name in NAMES if "_crust." in name])
def test_a_crust_model_knows_its_sample(name):
    """Held-out curves are familiar; the truth lies where the stated probability says; no period is vital."""
    model = zoo.load(name)
    curves, _, rest = sample_of(name)
    posterior = model.posterior(curves)
    assert (model.unfamiliarity(curves) < 1).mean() > 0.9
    z = (rest["moho_depth_km"] - posterior.mean_km) / posterior.sd_km
    assert 0.5 < np.sqrt(np.mean(z**2)) < 1.6
    assert (np.abs(model.posterior(curves).cdf(rest["moho_depth_km"]) - 0.5) < 0.475).sum() >= 16
    if model.uses_error_bars:
        curves[:, 1] = np.nan
        without = model.posterior(curves)
        assert np.abs(without.mean_km - posterior.mean_km).max() < 3 * posterior.sd_km.max()
        assert without.sd_km.mean() > 0.95 * posterior.sd_km.mean()
