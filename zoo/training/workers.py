"""Several processes that train one model, each on its part of every batch: data parallelism on TensorFlow.

Keras 3 trains on several devices of one process (`MirroredStrategy`), but its `fit` does not work with
`tf.distribute.MultiWorkerMirroredStrategy` (keras-team/keras issue 20585). So here every process runs Keras's `fit`
over its own share, and gradients are averaged between them by TensorFlow's collective operations before the optimizer
applies them: the update is that of the whole batch. One process has one device, be it a GPU or a part of the
processor, on one machine or many.

The first process writes. Its state is that of an update, not of a worker: any number of workers goes on with it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.errors import UsageError, ZooError

if TYPE_CHECKING:
    import keras

    from zoo.training.batches import Share

_PORT = 12345
_GROUP = 2601
"""TensorFlow's key of the processes that talk to each other; any number."""
_SEED_STEP = 7919
"""Between the seeds of random layers of one worker and the next."""


def cluster(environment: Mapping[str, str] = os.environ) -> dict[str, Any] | None:
    """Return TF_CONFIG as the environment gives it, or as the variables of a SLURM step do; None: a process alone.

    Raises:
        UsageError: if TF_CONFIG cannot be read, or names a task that its cluster has not.

    >>> cluster({"TF_CONFIG": '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 1}}'})
    {'cluster': {'worker': ['a:1', 'b:1']}, 'task': {'type': 'worker', 'index': 1}}
    >>> cluster({}) is None
    True
    """
    if text := environment.get("TF_CONFIG"):
        try:
            config = json.loads(text)
            hosts, index = config["cluster"]["worker"], config["task"]["index"]
            good = config["task"]["type"] == "worker" and list(config["cluster"]) == ["worker"]
        except (ValueError, KeyError, TypeError):
            good = False
        if not good or not isinstance(index, int) or not 0 <= index < len(hosts):
            raise UsageError(
                f"TF_CONFIG is {text!r}; expected workers alone, such as "
                '{"cluster": {"worker": ["host1:12345", "host2:12345"]}, "task": {"type": "worker", "index": 0}}, '
                "with the index of this process."
            )
        return config if len(hosts) > 1 else None
    if int(environment.get("SLURM_STEP_NUM_TASKS", "1")) > 1:
        return _of_slurm(environment)
    return None


def _of_slurm(environment: Mapping[str, str]) -> dict[str, Any]:
    """Return TF_CONFIG of a step of SLURM: tasks in the order of their hosts, a port for each task of a host."""
    # TensorFlow's own resolver sorts the hosts by name (node10 before node9), unlike SLURM, and needs GPUs.
    from tensorflow.python.distribute.cluster_resolver.slurm_cluster_resolver import (
        expand_hostlist,
        expand_tasks_per_node,
    )

    hosts = expand_hostlist(environment["SLURM_STEP_NODELIST"])
    tasks = expand_tasks_per_node(environment["SLURM_STEP_TASKS_PER_NODE"])
    # Two jobs may share a host.
    port = _PORT + int(environment.get("SLURM_JOB_ID", "0")) % 10_000
    places = [f"{host}:{port + task}" for host, count in zip(hosts, tasks, strict=True) for task in range(count)]
    return {"cluster": {"worker": places}, "task": {"type": "worker", "index": int(environment["SLURM_PROCID"])}}


def neighbours(environment: Mapping[str, str] = os.environ) -> int:
    """Return how many processes of the cluster run on this one's machine, itself included; 1 without a cluster."""
    config = cluster(environment)
    if not config:
        return 1
    hosts = [place.rsplit(":", 1)[0] for place in config["cluster"]["worker"]]
    return hosts.count(hosts[config["task"]["index"]])


def join(config: Mapping[str, Any]) -> Workers:
    """Wait for the other processes of a cluster, and return what speaks with them.

    Args:
        config: as `cluster` returns it.

    Raises:
        UsageError: if TensorFlow was used before.
    """
    import tensorflow as tf

    os.environ["TF_CONFIG"] = json.dumps(config)
    gpus = tf.config.list_physical_devices("GPU")
    if len(gpus) > 1:  # a device for each process of a host
        tf.config.set_visible_devices(gpus[int(os.environ.get("SLURM_LOCALID", "0")) % len(gpus)], "GPU")
    try:
        strategy = tf.distribute.MultiWorkerMirroredStrategy()  # sets up the connections; nothing runs under it
    except RuntimeError as error:
        raise UsageError(
            f"Workers are joined before TensorFlow is used for anything else ({error}). Start a process for it, as "
            "zoo train RECIPE --devices all does."
        ) from error
    return Workers(config["task"]["index"], len(config["cluster"]["worker"]), strategy)


class Workers:
    """The processes that train together, seen from one of them.

    Args:
        number: of this one, 0 first.
        count: of all.
        strategy: TensorFlow's, which holds the connections.

    Attributes:
        share: the part of every batch that this one takes.
        writes: whether this one writes: state, history, checkpoint.
    """

    def __init__(self, number: int, count: int, strategy: Any = None):
        from zoo.training.batches import Share

        self.number, self.count, self._strategy = number, count, strategy
        self.share: Share = Share(number, count)
        self.writes = number == 0
        self._made = 0
        self._adders: dict[int, Any] = {}
        self._weights: tuple[float, float] = (1.0, 1.0)

    def check(self, batch_size: int) -> None:
        """Refuse a batch that does not have an example for each worker."""
        if batch_size < self.count:
            raise UsageError(
                f"A batch of {batch_size} cannot be shared by {self.count} workers: --set batch_size={self.count} or "
                "more, or fewer workers."
            )

    def _adder(self) -> Any:
        """Return a function that adds up a vector over the workers; all make theirs, and call it, in the same order."""
        import tensorflow as tf

        self._made += 1
        key = self._made

        def add(vector):
            with tf.device("CPU:0"):
                return tf.raw_ops.CollectiveReduceV2(
                    input=vector,
                    group_size=self.count,
                    group_key=_GROUP,
                    instance_key=key,
                    ordering_token=[],
                    merge_op="Add",
                    final_op="Id",
                    communication_hint="ring",
                )

        return add

    def sums(self, values: Sequence[float] | np.ndarray) -> np.ndarray:
        """Return numbers added up over the workers, float64; who is first waits for the others.

        Raises:
            ZooError: if one of them is lost.
        """
        import tensorflow as tf

        vector = tf.constant(np.asarray(values, np.float64))
        if len(vector) not in self._adders:
            self._adders[len(vector)] = tf.function(self._adder())
        with lost():
            return self._adders[len(vector)](vector).numpy()

    def wait(self) -> None:
        """Wait until every worker is here."""
        self.sums([0.0])

    def joins(self, part: keras.Model, batch_size: int, validation: tuple) -> tuple:
        """Let a compiled model be trained by all workers: its optimizers get the gradient of the whole batch.

        Args:
            part: what `fit` trains.
            batch_size: examples of a batch, of all workers together.
            validation: the validation examples.

        Returns:
            This worker's part of the validation examples.

        Raises:
            UsageError: if the part has a `fit` of its own, as networks that simulate waves have.
        """
        import keras

        if type(part).fit is not keras.Model.fit:
            raise UsageError(
                f"{type(part).__name__} has a training loop of its own, which one process runs: no --devices."
            )
        share = self.share.size(batch_size) / batch_size
        found = [value for value in vars(part).values() if isinstance(value, keras.optimizers.Optimizer)]
        for optimizer in {id(one): one for one in [part.optimizer, *found]}.values():
            self._average(optimizer, share)
        part.jit_compile = False  # XLA does not compile what crosses processes
        count = len(keras.tree.flatten(validation[0])[0])
        if count < self.count:
            self._weights = (share, 1 / self.count)
            return validation
        mine = slice(self.number, None, self.count)
        self._weights = (share, len(range(count)[mine]) / count)
        return keras.tree.map_structure(lambda values: values[mine], tuple(validation))

    def _average(self, optimizer: keras.optimizers.Optimizer, share: float) -> None:
        """Put the sum of the workers' gradients, each by its share of the batch, before an optimizer's update."""
        import tensorflow as tf

        add, plain = self._adder(), optimizer.apply

        def apply(grads, trainable_variables=None):
            there = [tf.convert_to_tensor(grad) for grad in grads if grad is not None]
            precise = tf.float64 if any(grad.dtype == tf.float64 for grad in there) else tf.float32
            vector = tf.concat([tf.reshape(tf.cast(grad, precise), [-1]) for grad in there], 0)  # one message an update
            pieces = tf.split(add(tf.cast(share, precise) * vector), [grad.shape.num_elements() for grad in there])
            joined = iter(
                [tf.cast(tf.reshape(new, old.shape), old.dtype) for new, old in zip(pieces, there, strict=True)]
            )
            return plain([None if grad is None else next(joined) for grad in grads], trainable_variables)

        optimizer.apply = apply

    def begin(self, part: keras.Model) -> None:
        """Give random layers of every worker but the first seeds of their own, so that they do not draw the same."""
        if self.writes:
            return
        for variable in part.variables:
            if variable.path.endswith("seed_generator_state"):
                state = variable.numpy()
                state[0] += _SEED_STEP * self.number
                variable.assign(state)

    def level(self, part: keras.Model) -> None:
        """Average what is no weight of the training but changes in it: moving means of normalisations."""
        moving = [one for one in part.non_trainable_variables if "float" in str(one.dtype)]
        if not moving:
            return
        values = [np.array(one) for one in moving]
        flat = self.sums(np.concatenate([value.ravel() for value in values]) / self.count)
        ends = np.cumsum([value.size for value in values])[:-1]
        for one, value, piece in zip(moving, values, np.split(flat, ends), strict=True):
            one.assign(piece.reshape(value.shape).astype(value.dtype))

    def joined(self, means: Mapping[str, float]) -> dict[str, float]:
        """Return the means of an epoch over the examples of all workers, from those of this one's."""
        of_training, of_validation = self._weights
        weights = [of_validation if key.startswith("val_") else of_training for key in means]
        added = self.sums([weight * value for weight, value in zip(weights, means.values(), strict=True)])
        return {key: float(value) for key, value in zip(means, added, strict=True)}


@contextmanager
def lost() -> Iterator[None]:
    """Say that a worker was lost, where TensorFlow says that a connection was.

    Raises:
        ZooError: then.
    """
    import tensorflow as tf

    of_connections = tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError
    try:
        yield
    except of_connections as error:
        raise ZooError(
            "Another worker was lost. Start all of them again with the same commands: training goes on from the last "
            f"state that was saved. (TensorFlow: {str(error).strip().splitlines()[-1][:200]})"
        ) from error
