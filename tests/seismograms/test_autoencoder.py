"""Encoder, decoder, heads and normalisation of waveform models: sizes as in the paper, any unit, two equal forms."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from zoo.errors import UsageError, ZooError
from zoo.seismograms.models.autoencoder import (
    EncoderAndHead,
    WaveformClassifier,
    WaveformDecoder,
    WaveformEncoder,
    WindowNormalisation,
    layer_lengths,
    two_dimensional,
)


@pytest.fixture
def windows():
    return np.random.default_rng(0).normal(size=(4, 540, 3)).astype(np.float32)


def pair(**sizes):
    encoder, decoder = WaveformEncoder(**sizes), WaveformDecoder(**sizes)
    encoder.build((None, 540, 3))
    decoder.build((None, encoder.bottleneck, encoder.maps))
    return encoder, decoder


@pytest.mark.parametrize(
    ("bottleneck", "maps", "of_both", "of_encoder"),
    [(68, 128, 28_163, 14_144), (68, 8, 5_003, 2_504), (34, 128, 126_723, 63_424), (17, 128, 225_283, 112_704)],
)
def test_sizes_are_the_papers(bottleneck, maps, of_both, of_encoder, windows):
    encoder, decoder = pair(bottleneck=bottleneck, maps=maps)
    assert encoder.count_params() == of_encoder
    assert encoder.count_params() + decoder.count_params() == of_both
    code = encoder(windows)
    assert code.shape == (4, bottleneck, maps) and np.min(code) == 0
    assert decoder(code).shape == windows.shape


@pytest.mark.parametrize("bottleneck", [68, 34, 17])
def test_the_decoder_mirrors_every_length(bottleneck, windows):
    """136 is cropped to 135 where it arises: the layers behind have the encoder's lengths, and no output is cut."""
    encoder, decoder = pair(bottleneck=bottleneck, maps=8)
    assert layer_lengths(540, bottleneck) == [540, 270, 135, 68, 34, 17][: len(encoder.lengths)]
    x, lengths = encoder(windows), []
    for layer, length in zip(decoder.layers, encoder.lengths[-2::-1], strict=True):
        whole = layer(x)
        lengths.append((whole.shape[1], length))
        x = whole[:, :length]
    assert lengths[-3:] == [(136, 135), (270, 270), (540, 540)]
    np.testing.assert_array_equal(x, decoder(encoder(windows)))


@pytest.mark.parametrize("bottleneck", [68, 34, 17])
def test_the_papers_two_dimensional_form_gives_the_same(bottleneck, windows):
    encoder, decoder = pair(bottleneck=bottleneck, maps=32)
    for layer in (encoder, decoder):  # biases of zero would hide a wrong order
        layer.set_weights([w + 0.05 * (w.ndim == 1) for w in layer.get_weights()])
    encoder_2d, decoder_2d = two_dimensional(encoder), two_dimensional(decoder)
    kernels = [w.shape for w in encoder_2d.get_weights() if w.ndim > 1]
    assert kernels[0] == (3, 1, 3, 16) and kernels[2] == (3, 1, 32, 32)
    code = encoder(windows)
    np.testing.assert_allclose(encoder_2d(windows), code, atol=1e-5)
    np.testing.assert_allclose(decoder_2d(code), decoder(code), atol=1e-5)


def test_a_bottleneck_that_no_halving_gives_is_refused():
    with pytest.raises(UsageError, match="270, 135, 68, 34, not to 50"):
        WaveformEncoder(bottleneck=50)
    with pytest.raises(UsageError, match="not to 540"):
        WaveformEncoder(bottleneck=540)


def test_normalisation_takes_any_unit_and_offset(windows):
    layer = WindowNormalisation()
    expected = windows - windows.mean(1, keepdims=True)
    expected /= np.abs(expected).max((1, 2), keepdims=True)
    np.testing.assert_allclose(layer(windows), expected, atol=1e-6)
    np.testing.assert_allclose(layer(1e-9 * windows), expected, atol=1e-6)
    counts = 1000 * windows.astype(np.float64) + np.array([2e6, -3e5, 10])
    np.testing.assert_allclose(layer(counts), expected, atol=3e-4)  # of float32 counts
    windows[0], windows[1, :, 1] = 0, 7
    found = np.asarray(layer(windows))
    assert (found[0] == 0).all() and (found[1, :, 1] == 0).all() and np.abs(found[1]).max() == 1


@pytest.mark.parametrize("head", ["cnn", "dense"])
def test_heads_have_the_papers_layers(head, windows):
    encoder, _ = pair(bottleneck=34, maps=8)
    network = EncoderAndHead(encoder.get_config(), head, 2)
    network.build((None, 540, 3))
    names = [layer.name for layer in network.application]
    assert names == ["convolution"] * (head == "cnn") + ["flatten", "connected", "decision"]
    convolution = (3 * 8 + 1) * 32 if head == "cnn" else 0
    features = 34 * (32 if head == "cnn" else 8)
    assert network.count_params() == encoder.count_params() + convolution + (features + 1) * 100 + 202
    assert network(windows).shape == (4, 2)
    again = EncoderAndHead.from_config(network.get_config())
    again.build((None, 540, 3))
    again.set_weights(network.get_weights())
    np.testing.assert_array_equal(again(windows), network(windows))
    with pytest.raises(UsageError, match="cnn, dense"):
        EncoderAndHead(encoder.get_config(), "lstm")


def test_temperature_divides_the_logits(windows):
    encoder, _ = pair(maps=8)
    model = WaveformClassifier(encoder.get_config(), labels=("noise", "earthquake"))
    model.build()
    cold = np.asarray(model(windows))
    model.temperature.assign(2.0)
    warm = np.asarray(model(windows))
    odds = lambda p: np.log(p[:, 1] / p[:, 0])
    np.testing.assert_allclose(2 * odds(warm), odds(cold), atol=1e-5)
    np.testing.assert_allclose(warm.sum(1), 1, rtol=1e-6)
    assert not any(v is model.temperature for v in model.trainable_variables)
    assert (model.answers, model.component_order, model.sampling_rate_hz) == ("seismograms.class", "ZNE", 20.0)
    with pytest.raises(ZooError, match=r"\(n, 540, 3\) at 20 Hz"):
        model(windows[:, :500])
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(model))
    assert again.get_config() == model.get_config() and again.labels == ("noise", "earthquake")
