"""Processes of this machine that train one model together: a device each, started, watched and started again."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence

from zoo.errors import UsageError
from zoo.files import cores
from zoo.interrupts import unheard
from zoo.progress import say
from zoo.training.workers import cluster

_STARTS = 4
_POLL_S, _GRACE_S = 0.2, 20.0
_PROGRAM = "import sys; from zoo.cli import main; sys.exit(main(sys.argv[1:]))"


def wanted(devices: str) -> int:
    """Return how many processes to start here for `--devices`; 0: none, this one trains (perhaps in a cluster).

    Args:
        devices: `all` or a number.

    Raises:
        UsageError: if it is neither, or a number beside a cluster that TF_CONFIG or SLURM describes.

    >>> wanted("2")
    2
    """
    here = cluster()
    if devices == "all":
        return 0 if here or len(_gpus()) < 2 else len(_gpus())
    if not devices.isdigit() or int(devices) < 1:
        raise UsageError(f"--devices is {devices!r}; expected all, or a number.")
    if here:
        raise UsageError("TF_CONFIG or SLURM says which processes train together: --devices all joins them.")
    return int(devices) if devices != "1" else 0


def _gpus() -> list[str]:
    """Return the GPUs that this process may use, without TensorFlow, which would keep them."""
    if "CUDA_VISIBLE_DEVICES" in os.environ:
        return [name for name in os.environ["CUDA_VISIBLE_DEVICES"].split(",") if name.strip() not in ("", "-1")]
    try:
        listed = subprocess.run(["nvidia-smi", "--list-gpus"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return []
    return [str(number) for number, line in enumerate(listed.splitlines()) if line.startswith("GPU ")]


def environments(count: int) -> list[dict[str, str]]:
    """Return what each of so many processes of this machine adds to its environment: cluster, GPU, threads."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]  # all open, so that no port comes twice
    places = [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]
    for one in sockets:
        one.close()
    gpus, threads = _gpus(), str(max(1, cores() // count))
    made = []
    for number in range(count):
        config = {"cluster": {"worker": places}, "task": {"type": "worker", "index": number}}
        own = {"TF_CONFIG": json.dumps(config)}
        if gpus:
            own["CUDA_VISIBLE_DEVICES"] = gpus[number % len(gpus)]
        for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
            if name not in os.environ:
                own[name] = threads
        made.append(own)
    return made


def run(count: int, arguments: Sequence[str]) -> int:
    """Run a command of the zoo in so many processes that train together; return its exit code.

    A process that is killed (by a signal: no memory, a machine that reclaims) ends the others; then all are started
    again and go on from the last state, a few times at most. An error ends the training.

    Args:
        count: of processes.
        arguments: of the command; each process gets TF_CONFIG.
    """
    for start in range(1, _STARTS + 1):
        codes = _once(count, arguments)
        # TensorFlow aborts a process that has lost another.
        killed = [number for number, code in enumerate(codes) if code < 0 and code != -signal.SIGABRT]
        if not killed or start == _STARTS:
            break
        signals = f"signal {-codes[killed[0]]}"
        say(f"Process {killed[0]} of {count} was killed ({signals}): all begin again at the last state.")
    return next((code if code > 0 else 128 - code for code in codes if code), 0)


def _once(count: int, arguments: Sequence[str]) -> list[int]:
    """Start the processes; when one fails, end the others. Return the exit codes; of one ended here it is 0."""
    command = [sys.executable, "-c", _PROGRAM, *arguments]
    with unheard():  # Ctrl-C is for this process, which ends them
        started = [
            subprocess.Popen(
                command,
                env={**os.environ, **own},
                # The first speaks for all; of the others, errors alone are read, by the error of the first.
                stdout=None if number == 0 else subprocess.DEVNULL,
                stderr=None if number == 0 else subprocess.DEVNULL,
            )
            for number, own in enumerate(environments(count))
        ]
    try:
        while all(process.poll() is None for process in started) or not any(process.poll() for process in started):
            if all(process.poll() == 0 for process in started):
                return [0] * count
            time.sleep(_POLL_S)
        time.sleep(_GRACE_S / 20)  # that what failed first is not taken for what it brought down
        codes = [process.poll() or 0 for process in started]
    finally:
        _end(started)
    return codes


def _end(started: Sequence[subprocess.Popen]) -> None:
    """End the processes that are left, with a signal that cannot be ignored after a while."""
    for process in started:
        if process.poll() is None:
            process.terminate()
    for process in started:
        try:
            process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
