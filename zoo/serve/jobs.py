"""Jobs of the page: one command at a time, each in a process and a temporary folder of its own.

A job is `waiting`, `running`, `done`, `failed` or `stopped` (it took too long, or the server ended). Its folder holds
`in/` (what was sent; removed when the job ends), `out/` (what the command wrote), `said.txt` and `progress.txt` (its
stdout and stderr). The folder goes when the user removes the job, when it is old, when there are too many, and when the
server ends.
"""

from __future__ import annotations

import contextlib
import os
import queue
import re
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from zoo.errors import UsageError, ZooError
from zoo.files import write_json
from zoo.serve.tabs import Tab, arguments

_SUFFIX = re.compile(r"(\.[A-Za-z0-9]{1,12}){1,2}$")
_BLOCK_BYTES = 1 << 20
_ENDED = "done", "failed", "stopped"
_MOST_PROGRESS_BYTES = 4096


@dataclass(frozen=True)
class Limits:
    """What one server takes.

    Attributes:
        upload_bytes: of all files of a form together.
        run_s: seconds that a command may run.
        output_bytes: that a command may have written when it ends; more is not shown.
        files: in a form.
        waiting: jobs that wait for their turn.
        kept: jobs whose answers are kept.
        keep_s: seconds that an answer is kept.
    """

    upload_bytes: int = 200_000_000
    run_s: float = 600.0
    output_bytes: int = 500_000_000
    files: int = 50
    waiting: int = 5
    kept: int = 20
    keep_s: float = 3600.0


@dataclass
class Job:
    """One command that a form asked for; `identity` is known to who sent the form, and to nobody else."""

    identity: str
    tab: Tab
    folder: Path
    command: str
    state: str = "waiting"
    code: int | None = None
    asked: float = field(default_factory=time.monotonic)
    started: float = 0.0
    ended: float = 0.0

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in _ENDED

    @property
    def seconds(self) -> float:
        """For how long it has run."""
        return (self.ended or time.monotonic()) - self.started if self.started else 0.0

    def as_typed(self) -> str:
        """Return the command; that of an example is known when its files are made."""
        return _text(self.folder / "command.txt") or self.command

    def said(self) -> str:
        """Return what the command printed."""
        return _text(self.folder / "said.txt")

    def progress(self) -> list[str]:
        """Return the last lines of what it said of its progress, and its error."""
        return _text(self.folder / "progress.txt")[-_MOST_PROGRESS_BYTES:].replace("\r", "\n").splitlines()

    def files(self) -> list[Path]:
        """Return what the command wrote, in the order of their names; links are left out."""
        out = self.folder / "out"
        return sorted(path for path in out.rglob("*") if path.is_file() and not path.is_symlink())


class Jobs:
    """All jobs of a server.

    Args:
        limits: what it takes.
        command: of the process that runs a job, without the folder; another one for tests of what goes wrong.
    """

    def __init__(self, limits: Limits | None = None, command: Sequence[str] = ()):
        self.limits = limits or Limits()
        self._command = list(command or (sys.executable, "-m", "zoo.serve.worker"))
        self._root = tempfile.TemporaryDirectory(prefix="zoo-serve-")
        self._jobs: dict[str, Job] = {}
        self._turn: queue.Queue[Job | None] = queue.Queue()
        self._lock = threading.Lock()
        self._process: subprocess.Popen | None = None
        self._thread = threading.Thread(target=self._run_all, name="zoo-serve jobs", daemon=True)
        self._thread.start()

    @property
    def root(self) -> Path:
        """Folder with the folders of all jobs."""
        return Path(self._root.name)

    def submit(
        self,
        tab: Tab,
        files: Mapping[str, Sequence[tuple[str, IO[bytes]]]],
        form: Mapping[str, str],
        example: bool = False,
    ) -> Job:
        """Take a form: check it, keep its files under names of the server's own, and let the job wait for its turn.

        Args:
            tab: whose form it is.
            files: argument -> name on the sender's side (of which the suffix counts alone) and content of each file.
            form: as `zoo.serve.tabs.arguments` takes it.
            example: whether the shipped example is meant in place of files.

        Raises:
            UsageError: if the form is not meant.
            ZooError: if too many jobs wait.
        """
        self.sweep()
        with self._lock:
            waiting = sum(not job.is_over for job in self._jobs.values())
        if waiting > self.limits.waiting:
            raise ZooError(f"{waiting} jobs wait already; come back when one is done.")
        folder = Path(tempfile.mkdtemp(dir=self.root))
        try:
            named = self._keep(tab, {} if example else files, folder)
            stand_in = {name: [Path(f"{name}-1")] for name in tab.needed} if example else named
            words = arguments(tab, stand_in, form, Path("out"))
            write_json(
                folder / "request.json",
                {
                    "tab": tab.name,
                    "files": {name: [str(path) for path in paths] for name, paths in named.items()},
                    "form": dict(form),
                    "example": example,
                },
            )
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        job = Job(secrets.token_urlsafe(18), tab, folder, shlex.join(["zoo", *words]))
        with self._lock:
            self._jobs[job.identity] = job
        self._turn.put(job)
        return job

    def _keep(
        self, tab: Tab, files: Mapping[str, Sequence[tuple[str, IO[bytes]]]], folder: Path
    ) -> dict[str, list[Path]]:
        """Write what was sent to `in/` as ARGUMENT-NUMBER.SUFFIX; files of one stem keep one number (.hdr and .buf)."""
        kept: dict[str, list[Path]] = {}
        written = 0
        (folder / "in").mkdir()
        if sum(len(those) for those in files.values()) > self.limits.files:
            raise UsageError(f"A form takes at most {self.limits.files} files.")
        for argument, those in files.items():
            if argument not in tab.files:
                raise UsageError(f"The form {tab.title} has no file {argument!r}.")
            stems: dict[str, int] = {}
            for name, content in those:
                found = _SUFFIX.search(name)
                suffix = found[0].lower() if found else ""
                number = stems.setdefault(name[: len(name) - len(suffix)], len(stems) + 1)
                path = Path("in") / f"{argument}-{number}{suffix}"
                if (folder / path).exists():
                    raise UsageError("Two of the files have the same name.")
                with (folder / path).open("xb") as file:
                    while block := content.read(_BLOCK_BYTES):
                        written += len(block)
                        if written > self.limits.upload_bytes:
                            raise UsageError(f"The files are larger than {self.limits.upload_bytes / 1e6:.0f} MB.")
                        file.write(block)
                kept.setdefault(argument, []).append(path)
        return kept

    def get(self, identity: str) -> Job | None:
        """Return a job by its identity."""
        with self._lock:
            return self._jobs.get(identity)

    def ahead_of(self, job: Job) -> int:
        """Return how many jobs come before it."""
        with self._lock:
            return sum(not other.is_over and other.asked < job.asked for other in self._jobs.values())

    def remove(self, job: Job) -> None:
        """Stop a job if it runs, and remove all of it."""
        with self._lock:
            self._jobs.pop(job.identity, None)
            running = job.state == "running"
            job.state = "stopped"
        if running:
            self._kill()
        shutil.rmtree(job.folder, ignore_errors=True)

    def sweep(self) -> None:
        """Remove jobs that are old, and the oldest where there are too many."""
        now = time.monotonic()
        with self._lock:
            over = sorted((job for job in self._jobs.values() if job.is_over), key=lambda job: job.ended)
        old = [job for job in over if now - job.ended > self.limits.keep_s]
        for job in {job.identity: job for job in [*old, *over[: max(0, len(over) - self.limits.kept + 1)]]}.values():
            self.remove(job)

    def close(self) -> None:
        """Stop what runs, and remove everything."""
        with self._lock:
            for job in self._jobs.values():
                job.state = job.state if job.is_over else "stopped"
        self._turn.put(None)
        self._kill()
        self._thread.join(timeout=10.0)
        self._root.cleanup()

    def _run_all(self) -> None:
        while (job := self._turn.get()) is not None:
            with self._lock:
                if job.state != "waiting":
                    continue
                job.state, job.started = "running", time.monotonic()
            state = "failed"
            try:
                job.code = self._run(job)
                state = "done" if job.code == 0 else "stopped" if job.code is None else "failed"
            except OSError as error:  # no process or no disk; or the job was removed while it began
                with contextlib.suppress(OSError):
                    _append(job.folder / "progress.txt", f"zoo: {error.strerror or error}")
            finally:
                shutil.rmtree(job.folder / "in", ignore_errors=True)
                with self._lock:
                    job.state, job.ended = state if job.state == "running" else job.state, time.monotonic()

    def _run(self, job: Job) -> int | None:
        """Run a job's process; return its exit code, None if it took too long."""
        with (job.folder / "said.txt").open("wb") as said, (job.folder / "progress.txt").open("wb") as progress:
            process = subprocess.Popen(
                [*self._command, str(job.folder)], cwd=job.folder, stdin=subprocess.DEVNULL, stdout=said,
                stderr=progress, start_new_session=True, env=_environment(),
            )  # fmt: skip
            self._process = process
            try:
                code: int | None = process.wait(self.limits.run_s)
            except subprocess.TimeoutExpired:
                code = None
            finally:
                self._kill()
                self._process = None
        if code is None:
            _append(job.folder / "progress.txt", f"zoo: stopped after {self.limits.run_s:.0f} s (--minutes)")
        elif sum(path.stat().st_size for path in job.files()) > self.limits.output_bytes:
            shutil.rmtree(job.folder / "out", ignore_errors=True)
            _append(job.folder / "progress.txt", f"zoo: more than {self.limits.output_bytes / 1e6:.0f} MB were written")
            return 1
        return code

    def _kill(self) -> None:
        """End the running process and all that it started."""
        process = self._process
        if process is None:
            return
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
        process.wait()


def _environment() -> dict[str, str]:
    """Return the environment of a job: no display, modules found as the server found them."""
    paths = os.pathsep.join(path for path in sys.path if path)
    return {**os.environ, "MPLBACKEND": "Agg", "PYTHONPATH": paths, "PYTHONUNBUFFERED": "1"}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _append(path: Path, line: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")
