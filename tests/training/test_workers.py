"""Several processes that train one model: who they are, what they share, and that one of them may die."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import zoo
from zoo.data import datasets
from zoo.errors import UsageError
from zoo.training import launch
from zoo.training.batches import Share
from zoo.training.workers import Workers, cluster, neighbours

RECIPE = '''"""Three times a number, with a normalisation and noise; a worker that dies once, where it is told to."""

import os
import signal
from pathlib import Path

import keras

from zoo.training import epochs
from zoo.training.recipe import Recipe, Stage, data_settings, fit_settings

epochs._SAVE_EVERY_S = -1.0


class Mortal(epochs.EpochState):
    def on_epoch_begin(self, epoch, logs=None):
        who, when, place = os.environ.get("MORTAL", ",,").split(",")
        me = str(self.workers.number) if self.workers else "alone"
        if (me, str(epoch)) == (who, when) and not Path(place).exists():
            Path(place).touch()
            os.kill(os.getpid(), signal.SIGKILL)


epochs.EpochState = Mortal


def build():
    return keras.Sequential([keras.Input((16,)), keras.layers.Dense(4), keras.layers.Dense(1)])


def compile(network, settings, steps):
    network.compile(keras.optimizers.Adam(0.01, clipnorm=1.0), "mse", steps_per_execution=2)


RECIPE = Recipe(
    name="mortal",
    summary="Gives three times a number.",
    settings={**data_settings("tiny/small", "train", "test"), **fit_settings(batch_size=9, epochs=4)},
    build=build,
    stages=[Stage("network", lambda m, r, v: (r["x"], 3 * r["x"][:, :1]), compile, by_record=True)],
    score=lambda model, records: {"mean": float(model(records["x"]).numpy().mean())},
    card={},
)
'''


def test_a_cluster_is_read_from_tf_config_or_slurm():
    assert cluster({}) is None and neighbours({}) == 1
    alone = {"TF_CONFIG": '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 0}}'}
    assert cluster(alone) is None
    slurm = {
        "SLURM_STEP_NUM_TASKS": "4",
        "SLURM_STEP_NODELIST": "node[9-10],other",
        "SLURM_STEP_TASKS_PER_NODE": "2,1(x2)",
        "SLURM_PROCID": "2",
        "SLURM_JOB_ID": "30007",
    }
    found = cluster(slurm)
    assert found["cluster"]["worker"] == ["node9:12352", "node9:12353", "node10:12352", "other:12352"]
    assert found["task"] == {"type": "worker", "index": 2}
    assert neighbours(slurm) == 1 and neighbours({**slurm, "SLURM_PROCID": "0"}) == 2


@pytest.mark.parametrize(
    "text",
    ["nonsense", "{}", '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 2}}',
     '{"cluster": {"chief": ["a:1"], "worker": ["b:1"]}, "task": {"type": "worker", "index": 0}}'],
)  # fmt: skip
def test_a_cluster_that_makes_no_sense_is_refused(text):
    with pytest.raises(UsageError, match="expected workers alone"):
        cluster({"TF_CONFIG": text})


def test_how_many_processes_start_here(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert [launch.wanted(devices) for devices in ("all", "1", "3")] == [0, 0, 3]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
    assert launch.wanted("all") == 2
    made = launch.environments(3)
    assert [one["CUDA_VISIBLE_DEVICES"] for one in made] == ["4", "7", "4"]
    configs = [cluster(one) for one in made]
    assert len(set(configs[0]["cluster"]["worker"])) == 3
    assert [config["task"]["index"] for config in configs] == [0, 1, 2]
    for devices in ("none", "0", "-1"):
        with pytest.raises(UsageError, match="expected all, or a number"):
            launch.wanted(devices)
    monkeypatch.setenv("TF_CONFIG", made[0]["TF_CONFIG"])
    assert launch.wanted("all") == 0
    with pytest.raises(UsageError, match="joins them"):
        launch.wanted("2")


def test_what_cannot_be_shared_is_refused():
    workers = Workers(1, 4)
    with pytest.raises(UsageError, match="cannot be shared by 4"):
        workers.check(3)

    class Own(keras.Sequential):
        def fit(self, *args, **options): ...

    with pytest.raises(UsageError, match="a training loop of its own"):
        workers.joins(Own(), 8, (np.zeros(3), np.zeros(3)))
    assert not workers.writes and workers.share == Share(1, 4)


def test_random_layers_of_workers_draw_differently():
    def drawn(number):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((50,)), keras.layers.Dropout(0.5)])
        Workers(number, 2).begin(model)
        return keras.ops.convert_to_numpy(model(np.ones((1, 50)), training=True))

    assert (drawn(0) == drawn(0)).all() and (drawn(0) != drawn(1)).any()


def command(*arguments, **environment):
    """Run `zoo train mortal ...`; return its exit code and what it said."""
    program = "import sys; from zoo.cli import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", program, "train", "mortal", "--seed", "3", *map(str, arguments)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.slow
def test_two_processes_train_as_one_of_which_one_dies_and_go_on_where_one_alone_began(tmp_path, monkeypatch):
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "mortal.py").write_text(RECIPE, encoding="utf-8")
    monkeypatch.setenv("ZOO_RECIPES", str(tmp_path / "recipes"))
    monkeypatch.setenv("ZOO_DATASETS", str(Path(__file__).parents[1] / "faults" / "datasets"))
    datasets.prepare("tiny/small", tmp_path / "data")
    common = "--data-dir", tmp_path / "data", "--out"
    code, said = command(*common, tmp_path / "alone")
    assert code == 0, said
    code, _ = command(*common, tmp_path / "together", MORTAL=f"alone,1,{tmp_path / 'one'}")
    assert code == -9 and (tmp_path / "together.training").exists()
    code, said = command(*common, tmp_path / "together", "--devices", "2", MORTAL=f"1,2,{tmp_path / 'two'}")
    assert code == 0, said[-3000:]
    assert (tmp_path / "two").exists() and "was killed (signal 9)" in said
    assert said.count("going on after epoch") == 2 and not (tmp_path / "together.training").exists()
    models = [zoo.load(tmp_path / out).get_weights() for out in ("alone", "together")]
    for a, b in zip(*models, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    cards = [json.loads((tmp_path / out / "card.json").read_text()) for out in ("alone", "together")]
    assert "2 processes" in cards[1]["device"] and cards[0]["scores"].keys() == cards[1]["scores"].keys()
    rows = [np.genfromtxt(tmp_path / out / "history.csv", delimiter=",", names=True) for out in ("alone", "together")]
    np.testing.assert_allclose(rows[0]["val_loss"], rows[1]["val_loss"], rtol=1e-4)
