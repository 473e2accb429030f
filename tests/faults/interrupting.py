"""Presses Ctrl-C on a command, as a terminal does: the signal goes to the command and all that it has started."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import zoo

PATH = os.pathsep.join([str(Path(zoo.__file__).parents[1]), *filter(None, sys.path)])
LIMIT_S = 1200
# The signal comes at the n-th time that a name changes or a file is opened to write, to the whole group.
AT_STEP = """
import os, signal, sys
steps = {"os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.link", "os.truncate", "os.chmod"}
done = 0
def count(event, arguments):
    global done
    writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    if str(arguments[0] if arguments else "").startswith(FOLDER) and (writes or event in steps):
        done += 1
        if done == NUMBER:
            os.killpg(0, signal.SIGINT)
sys.addaudithook(count)
"""
PROGRAM = "import sys; from zoo.cli import main; sys.exit(main())"


class Command:
    """A `zoo` command in a group of processes of its own, and what it has said so far (both streams)."""

    def __init__(self, arguments: Sequence[str | Path], before: str = "", **environment: str):
        self.process = subprocess.Popen(
            [sys.executable, "-c", f"{before}\n{PROGRAM}", *map(str, arguments)],
            env={**os.environ, "PYTHONPATH": PATH, "PYTHONUNBUFFERED": "1", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # where the tests run in the background
        )
        self.said = ""
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        for line in self.process.stdout:
            self.said += line

    def wait(self) -> int:
        """Return the exit status, once it has ended and all it said has arrived."""
        code = self.process.wait(LIMIT_S)
        self._listener.join(LIMIT_S)
        return code

    def wait_for(self, event: str | Callable[[Command], bool]) -> None:
        """Wait until it has said what a pattern finds, or something is true; fail where it ends before."""
        until = time.monotonic() + LIMIT_S
        while not (re.search(event, self.said) if isinstance(event, str) else event(self)):
            assert self.process.poll() is None, f"it ended by itself: {self.said}"
            assert time.monotonic() < until, f"nothing happened: {self.said}"
            time.sleep(0.002)

    def interrupt(self) -> None:
        os.killpg(self.process.pid, signal.SIGINT)

    def check_interrupted(self, says: str) -> None:
        """It ends with status 130 and one line, the last, that says how it goes on; none of its processes is left."""
        code = self.wait()
        assert code == 130, (code, self.said)
        assert self.said.count("zoo: interrupted; ") == 1, self.said
        assert not re.search("Traceback|Exception ignored|Error", self.said), self.said
        assert self.said.rstrip().splitlines()[-1] == f"zoo: interrupted; the same command {says}.", self.said
        until = time.monotonic() + 30
        while self._is_left() and time.monotonic() < until:  # processes whose parent is gone end by themselves
            time.sleep(0.1)
        assert not self._is_left(), self.said

    def _is_left(self) -> bool:
        try:
            os.killpg(self.process.pid, 0)
        except ProcessLookupError:
            return False
        return True
