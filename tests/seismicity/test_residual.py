"""Residual networks: the reference's parameters and padding, one operation for the normalisation, precision."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from zoo.errors import UsageError, ZooError
from zoo.seismicity.models.residual import (
    FusedNormalisation,
    ResidualBlock,
    ResidualNetwork,
    SeismicityClassifier,
    trainable_parameters,
)


@pytest.mark.long
@pytest.mark.parametrize(
    ("depth", "reference", "shipped"),
    [(18, 11_689_512, 11_171_266), (34, 21_797_672, 21_279_426), (101, 44_549_160, 42_497_986)],
)
def test_as_many_parameters_as_the_reference(depth, reference, shipped):
    for classes, channels, parameters in ((1000, 3, reference), (2, 1, shipped)):
        network = ResidualNetwork(depth, classes)
        network.build((None, 64, 64, channels))
        assert trainable_parameters(network) == parameters


@pytest.mark.long
@pytest.mark.parametrize("depth", [18, 34, 101])
def test_a_network_is_its_configuration(depth):
    network = ResidualNetwork(depth, 3, 4)
    maps = np.random.default_rng(0).normal(size=(2, 64, 64, 1)).astype(np.float32)
    logits = network(maps)
    twin = ResidualNetwork.from_config(network.get_config())
    twin.build((None, 64, 64, 1))
    twin.set_weights(network.get_weights())
    assert logits.shape == (2, 3) and np.allclose(twin(maps), logits, atol=1e-6)


def test_padding_is_that_of_the_reference():
    """A strided 3 x 3 convolution begins one pixel outside of the map; Keras's "same" would begin inside."""
    block = ResidualBlock("basic", 1, 2)
    block.build((None, 8, 8, 1))
    convolution = block.convolutions[0].convolution
    kernel = np.zeros((3, 3, 1, 1), np.float32)
    kernel[1, 1] = 1
    convolution.kernel.assign(kernel)
    maps = np.arange(64, dtype=np.float32).reshape(1, 8, 8, 1)
    found = block.convolutions[0](maps, training=False)[0, :, :, 0]
    assert np.allclose(found, maps[0, ::2, ::2, 0] / np.sqrt(1 + 1e-5), atol=1e-3)


@pytest.mark.parametrize("kind", ["basic", "bottleneck"])
def test_a_new_block_passes_its_input_on(kind):
    block = ResidualBlock(kind, 4)
    channels = 4 if kind == "basic" else 16
    maps = np.random.default_rng(0).random((2, 8, 8, channels), np.float32)
    assert np.allclose(block(maps, training=True), maps) and block.projection is None
    wider = ResidualBlock(kind, 4, 2)
    assert wider(maps).shape == (2, 4, 4, channels) and wider.projection is not None


def test_the_fused_normalisation_is_kerass():
    x = np.random.default_rng(0).normal(3, 2, (6, 5, 5, 4)).astype(np.float32)
    fused, plain = (made(momentum=0.9, epsilon=1e-5) for made in (FusedNormalisation, keras.layers.BatchNormalization))
    for layer in (fused, plain):
        layer.build(x.shape)
        layer.gamma.assign([1.0, 2.0, 3.0, 4.0])
    assert np.allclose(fused(x, training=True), plain(x, training=True), atol=1e-4)
    # The variance of the reference is that of the population, by one less than the number of values.
    count = x[..., 0].size
    assert np.allclose(fused.moving_mean, plain.moving_mean, atol=1e-5)
    unbiased = (ops.convert_to_numpy(plain.moving_variance) - 0.9) * count / (count - 1) + 0.9
    assert np.allclose(fused.moving_variance, unbiased, atol=1e-4)
    plain.set_weights(fused.get_weights())
    assert np.allclose(fused(x), plain(x), atol=1e-5)


@pytest.mark.long
def test_a_network_grown_from_another_answers_as_it():
    maps = np.random.default_rng(0).normal(size=(3, 64, 64, 1)).astype(np.float32)
    small, large = (SeismicityClassifier(depth, width=4).network for depth in (18, 34))
    small(maps, training=True)  # so that its blocks do not merely pass on what comes
    for block in small.blocks:
        block.convolutions[-1].normalisation.gamma.assign(np.full(block.outputs, 0.5, np.float32))
    large(maps)
    assert not np.allclose(large(maps), small(maps), atol=1e-3)
    large.grow(small)
    assert np.allclose(large(maps), small(maps), atol=1e-5)
    for depth, width, classes in ((18, 8, 2), (18, 4, 3), (101, 4, 2)):
        other = ResidualNetwork(depth, classes, width)
        other(maps)
        with pytest.raises(UsageError, match=f"ResNet-34 of width 4 cannot be grown from ResNet-{depth}"):
            large.grow(other)
    with pytest.raises(UsageError, match="ResNet-18 of width 4 cannot be grown from ResNet-34"):
        small.grow(large)


def test_half_the_precision_and_back():
    model = SeismicityClassifier(18, width=4)
    maps = np.random.default_rng(0).poisson(0.1, (3, 64, 64, 1)).astype(np.float32)
    before = ops.convert_to_numpy(model(maps))
    model.network.compute_in("mixed_bfloat16")
    half = model.network(model.prepare(maps), training=True)
    assert "float32" in str(half.dtype) and "bfloat16" in str(model.network.stem(model.prepare(maps)).dtype)
    assert {str(weight.dtype) for weight in model.weights} == {"float32"}
    model.network.compute_in("float32")
    after = ops.convert_to_numpy(model(maps))
    assert after.shape == (3, 2) and np.allclose(after.sum(1), 1, atol=1e-6) and not np.array_equal(after, before)


def test_the_second_channel_is_taken_as_expected_counts():
    model = SeismicityClassifier(18, width=4, channels=2)
    maps = np.zeros((1, 64, 64, 2), np.float32)
    maps[..., 1] = 0.05
    prepared = ops.convert_to_numpy(model.prepare(maps))
    assert prepared[..., 0].max() == 0 and np.allclose(prepared[..., 1], 0.8 * np.log1p(5))


def test_other_maps_are_refused():
    model = SeismicityClassifier(18, width=4)
    with pytest.raises(ZooError, match=r"takes maps \(n, 64, 64, 1\) of event counts; received \(1, 32, 32, 1\)"):
        model(np.zeros((1, 32, 32, 1), np.float32))
    with pytest.raises(UsageError, match="18, 34, 101; received 50"):
        ResidualNetwork(50)
    with pytest.raises(UsageError, match="received 3"):
        SeismicityClassifier(18, channels=3)
    with pytest.raises(UsageError, match="basic, bottleneck"):
        ResidualBlock("wide", 4)
