"""One engine for independent work: in this process, in threads, in processes, or by Dask on a cluster (`--cluster`).

    job = Job(work, shared, begin)  # work(begin(shared), item) -> result; begin runs once in each process
    for item, result in run(job, items, cluster="local:4"):  # or processes=4, threads=4, or none of them: here
        ...

Results come as they are done. Whoever does an item, the result is the same: it depends on `shared` and the item alone.
Work that a killed worker had begun is done again by another one. docs/cluster.md says what a cluster must share.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import itertools
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.errors import UsageError, ZooError
from zoo.interrupts import unheard
from zoo.progress import say

if TYPE_CHECKING:
    from distributed import Client

ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1"
)
"""What the environment of a process says that keeps to one thread."""
_AHEAD = 3  # items for each process that are handed out before it asks
_AHEAD_ON_CLUSTER = 2000  # known to the scheduler at a time
_DEATHS = 20  # of its workers, before an item of a local cluster is given up
_CONNECT_S = 20
_DASK = {
    "distributed.scheduler.allowed-failures": _DEATHS,
    "distributed.deploy.lost-worker-timeout": "10 minutes",  # a killed one starts again; slowly on a busy machine
    "distributed.nanny.pre-spawn-environ": ONE_THREAD,
    "distributed.worker.profile.enabled": False,  # looks at each thread 100 times a second, for a page that is off
    "distributed.admin.large-graph-warning-threshold": "1GB",  # what jobs share goes out with the first item
}


@dataclass(frozen=True)
class Job:
    """What is done with each item.

    Attributes:
        work: work(state, item) -> result, a function of a module; state is what `begin` made.
        shared: what all items share; for processes and clusters something that can be pickled.
        begin: begin(shared) -> state, a function of a module, called once in each process; None: `shared` itself.
        ended: what is said, beside that a worker process ended before its work did.
    """

    work: Callable[[Any, Any], Any]
    shared: Any = None
    begin: Callable[[Any], Any] | None = None
    ended: str = "What was done is kept: run the same command again, perhaps with fewer workers."

    def state(self) -> Any:
        """Return what `work` is given, in this process."""
        return self.shared if self.begin is None else self.begin(self.shared)


def run(
    job: Job, items: Iterable[Any], *, threads: int = 1, processes: int = 1, cluster: str | None = None
) -> Iterator[tuple[Any, Any]]:
    """Yield every item with its result, as they are done: here in their order, elsewhere in any.

    >>> sorted(run(Job(pow, 2), [3, 1, 2], threads=2))
    [(1, 2), (2, 4), (3, 8)]

    Args:
        job: what is done.
        items: independent of each other; for processes and clusters they can be pickled.
        threads: of this process.
        processes: new ones (spawned), each of one thread.
        cluster: "local:4", or the address of a Dask scheduler; then threads and processes do not matter.

    Raises:
        ZooError: as `opened`; a worker process ended before its work; or whatever the work raises. Items that have not
            begun are then given up.
    """
    if cluster is not None:
        return _by_dask(job, items, cluster)
    if processes > 1:
        return _in_processes(job, items, processes)
    if threads > 1:
        return _in_threads(job, items, threads)
    return _here(job, items)


def _here(job: Job, items: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
    state = job.state()
    for item in items:
        yield item, job.work(state, item)


def _in_threads(job: Job, items: Iterable[Any], threads: int) -> Iterator[tuple[Any, Any]]:
    state = job.state()
    with ThreadPoolExecutor(threads) as pool:
        yield from _handed_out(pool, lambda item: job.work(state, item), items, threads)


def _in_processes(job: Job, items: Iterable[Any], processes: int) -> Iterator[tuple[Any, Any]]:
    """Not forked: TensorFlow does not survive it."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=spawn, initializer=_begin, initargs=(job,)) as pool:
        try:
            yield from _handed_out(pool, _work, items, processes)
        except BrokenProcessPool as error:
            raise ZooError(
                f"A worker ended before its work did: it was killed, or out of memory. {job.ended}"
            ) from error


def _handed_out(pool: Executor, work: Callable, items: Iterable[Any], workers: int) -> Iterator[tuple[Any, Any]]:
    """Yield items and results; few wait at a time, and none begins once one has failed."""
    waiting = iter(items)
    with unheard():  # the processes, before `_begin` says so
        running = {pool.submit(work, item): item for item in itertools.islice(waiting, _AHEAD * workers)}
    try:
        while running:
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                item, result = running.pop(future), future.result()
                for following in itertools.islice(waiting, 1):
                    running[pool.submit(work, following)] = following
                yield item, result
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # those that run end, and what they keep is kept


# What follows runs in processes of their own.

_job: Job | None = None
_begun: tuple[str, Any] = ("", None)
_one_at_a_time = threading.Lock()


def _begin(job: Job) -> None:
    global _job, _begun
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that hands out the work
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ.update(ONE_THREAD)
    _job, _begun = job, ("", job.state())


def _end_with_parent() -> None:
    """End this process when the one that started it is gone (killed), which nothing else would tell it."""
    multiprocessing.connection.wait([multiprocessing.parent_process().sentinel])
    os._exit(1)


def _work(item: Any) -> Any:
    return _job.work(_begun[1], item)


def _work_on_cluster(job: Job, key: str, code: str, item: Any) -> Any:
    """Do an item in a worker of Dask, whose threads take turns: models and kernels have threads of their own."""
    global _begun
    check_code(code)
    with _one_at_a_time:
        if _begun[0] != key:
            _begun = key, job.state()
        return job.work(_begun[1], item)


# Dask.


@contextmanager
def opened(cluster: str) -> Iterator[Client]:
    """Yield a client of a cluster: "local:4" (four processes here), or the address of somebody's Dask scheduler.

    Raises:
        UsageError: it is neither.
        ZooError: Dask is not installed, or no scheduler answers at that address.
    """
    kind, _, rest = cluster.partition(":")
    local = kind == "local" and rest.isdigit() and int(rest) > 0
    if not local and not cluster.startswith(("tcp://", "tls://")):
        raise UsageError(f"A cluster is local:N or a scheduler's address like tcp://HOST:8786; received {cluster!r}.")
    try:
        import dask
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise ZooError(f'--cluster needs Dask ({error}): pip install "seismic-zoo[dask]"') from error
    with dask.config.set(_DASK):
        if local:
            own = {"host": "127.0.0.1", "dashboard_address": None, "memory_limit": 0, "silence_logs": "CRITICAL"}
            with LocalCluster(n_workers=int(rest), threads_per_worker=1, **own) as here, Client(here) as client:
                yield client
            return
        try:
            client = Client(cluster, timeout=_CONNECT_S)
        except (OSError, ValueError) as error:
            raise ZooError(f"No Dask scheduler answers at {cluster} ({error}). Is it running?") from error
        with client:
            if not client.scheduler_info()["workers"]:
                say(f"zoo: the scheduler at {cluster} has no workers yet; the work begins with the first one")
            yield client


def _by_dask(job: Job, items: Iterable[Any], cluster: str) -> Iterator[tuple[Any, Any]]:
    for function in filter(None, (job.work, job.begin)):
        _check_importable(function)
    with opened(cluster) as client:
        from distributed import KilledWorker, as_completed

        held, waiting, finished = hold(client, job), iter(items), as_completed()
        running: dict[Any, Any] = {}
        key, code = uuid.uuid4().hex, own_code()

        def hand_out(count: int) -> None:
            for item in itertools.islice(waiting, count):
                future = client.submit(_work_on_cluster, held, key, code, item, pure=False)
                running[future] = item
                finished.add(future)

        hand_out(_AHEAD_ON_CLUSTER)
        try:
            for future in finished:
                item = running.pop(future)
                try:
                    result = future.result()
                except KilledWorker as error:
                    raise ZooError(
                        f"Workers of {cluster} ended again and again at the same work: they were killed, or out of "
                        f"memory. {job.ended}"
                    ) from error
                except CancelledError as error:
                    raise ZooError(f"The scheduler of {cluster} is gone. {job.ended}") from error
                hand_out(1)
                yield item, result
        finally:
            client.cancel(list(running))


def hold(client: Client, value: Any) -> Any:
    """Return a future of a value that goes out once to each worker that needs it, and is made again where one dies."""
    return client.submit(_same, value, pure=False)


def _same(value: Any) -> Any:
    return value


def _check_importable(function: Callable) -> None:
    """Refuse functions that are not found by their names: nothing else is sent to workers."""
    module = importlib.import_module(function.__module__)
    if function.__module__ == "__main__" or getattr(module, function.__qualname__, None) is not function:
        raise UsageError(
            f"Workers are told functions of modules by name; {function.__module__}.{function.__qualname__} is none."
        )


@cache
def own_code() -> str:
    """Return a digest of the package's code and of the packages on which last digits depend."""
    root = Path(__file__).parent
    files = [path.read_bytes() for path in sorted(root.rglob("*.py"))]
    versions = [importlib.metadata.version(package) for package in ("numpy", "numba", "keras", "tensorflow")]
    return hashlib.sha256(b"\0".join([*files, *(version.encode() for version in versions)])).hexdigest()[:16]


def check_code(code: str) -> None:
    """Refuse to work for a caller of other code.

    Raises:
        ZooError: this process, a worker, has other code or other packages.
    """
    if code != own_code():
        raise ZooError(
            "A worker has other code or other packages than the caller: its results would not be the same. Install "
            "the same versions of seismic-zoo, numpy, numba, keras and tensorflow on both."
        )
