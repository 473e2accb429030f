"""Records as bytes: what TensorFlow and TFDS read back."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from zoo.seismograms.archives.encoding import serialize, write_tfrecord


def test_examples_are_those_that_tensorflow_writes():
    rng = np.random.default_rng(0)
    waves = rng.normal(size=(3, 50, 3)).astype(np.float32)
    texts = ["", "a", "Überlänge " * 40]
    numbers = np.array([1.5, np.nan, -0.0])
    counts = np.array([0, 300, -1])
    made = serialize({"waveform": waves, "name": texts, "number": numbers, "count": counts})
    for row, record in enumerate(made):
        wanted = tf.train.Example()
        feature = wanted.features.feature
        feature["waveform"].bytes_list.value.append(waves[row].tobytes())
        feature["name"].bytes_list.value.append(texts[row].encode())
        feature["number"].bytes_list.value.append(numbers[row].tobytes())
        feature["count"].int64_list.value.append(int(counts[row]))
        assert tf.train.Example.FromString(record) == wanted
        assert len(record) == len(wanted.SerializeToString())


def test_the_order_of_the_columns_does_not_matter():
    assert serialize({"a": ["x"], "b": ["y"]}) == serialize({"b": ["y"], "a": ["x"]})


def test_record_files_are_those_that_tensorflow_writes(tmp_path):
    records = [b"", b"a", np.random.default_rng(0).bytes(10_000)]
    write_tfrecord(tmp_path / "ours", records)
    with tf.io.TFRecordWriter(str(tmp_path / "theirs")) as writer:
        for record in records:
            writer.write(record)
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()
