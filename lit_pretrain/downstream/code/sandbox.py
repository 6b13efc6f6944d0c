"""Runs programs that a model wrote."""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from lit_pretrain.downstream.code import jail

Status = Literal["passed", "failed", "timed out", "out of memory", "too much output", "too many processes"]
POLL = 0.02  # seconds between two looks at a running program


@dataclass(frozen=True)
class Limits:
    """What a program may take.

    Args:
        seconds: from start to end, on the clock.
        memory: bytes of address space, of each of its processes.
        output: bytes of what it prints, and as many of errors.
        file_size: bytes of a file; isolated programs may write as much in all.
        processes: at a time, of an isolated program; others may start none.
        namespaces: isolate the program where the system allows it.
    """

    seconds: float = 5.0
    memory: int = 512 << 20
    output: int = 1 << 20
    file_size: int = 16 << 20
    processes: int = 8
    namespaces: bool = True

    def __post_init__(self) -> None:
        if min(self.seconds, self.memory, self.output, self.file_size, self.processes) <= 0:
            raise ValueError(f"{self}: all must be above 0")


@dataclass(frozen=True)
class Result:
    """How a program ended.

    Args:
        status: "passed" if it ended with code 0; "failed" if it ended otherwise; or the limit at which it was killed.
        code: its exit code; 128 + n, or -n, where signal n ended it.
        stdout, stderr: what it printed, cut at the limit.
        finished: it ran to its last line, and did not leave before.
        refused: what it tried and must not do (network, writing outside of its folder), at most 20 of them.
        isolated: it ran in namespaces of its own.
        seconds: from start to end.
    """

    status: Status
    code: int
    stdout: str
    stderr: str
    finished: bool
    refused: tuple[str, ...]
    isolated: bool
    seconds: float


def run(program: str, stdin: str = "", limits: Limits = Limits()) -> Result:
    """Run a Python program with a text on its standard input, in a process of its own.

    It begins in an empty folder, the only one in which it may write and which is removed at its end, without this
    process's environment. Where Linux allows it (user namespaces, kernel 5.12), it is isolated: it has no network and no
    rights, all other files and devices are read-only, and all that it starts ends with it. Elsewhere a hook in the
    interpreter refuses network, processes, native code and changes of other files.

    This protects against accidents and the usual mischief of generated programs, and not against an attacker. A program
    can read all files that this process can read. It shares the kernel, whose errors it may use. It can look into the
    interpreter that runs it, and so may claim to have finished or hide what was refused. Without isolation, a program that
    gets past the interpreter can do all that this process can. Processor time is bounded by the clock alone, and memory
    for each process by itself. Programs that must be assumed hostile belong into a virtual machine.

    Raises:
        ValueError: this system has no `resource` limits.
    """
    if os.name != "posix":
        raise ValueError("the sandbox needs the limits of a POSIX system; run this on Linux")
    with tempfile.TemporaryDirectory(prefix="sandbox-") as folder, tempfile.TemporaryFile() as given:
        given.write(stdin.encode())
        given.seek(0)
        task = Path(folder, "task.json")
        task.write_bytes(json.dumps({"program": program, "limits": asdict(limits)}).encode())
        reading, writing = os.pipe()
        environment = {"HOME": folder, "PATH": os.defpath, "LANG": "C.UTF-8", "PYTHONHASHSEED": "0",
                       "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # fmt: skip
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-s", "-B", "-X", "utf8", jail.__file__, str(task), str(writing)], stdin=given,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder, env=environment, pass_fds=(writing,),
            start_new_session=True,
        )  # fmt: skip
        os.close(writing)
        try:
            with open(reading, "rb") as report:
                watched = _Watched(process, report, limits)
                broken = watched.follow(began + limits.seconds)
        finally:
            _kill(process)
        return watched.result(broken, time.perf_counter() - began)


class _Watched:
    """A running program: what it printed and reported until now."""

    def __init__(self, process: subprocess.Popen, report: object, limits: Limits):
        self.process, self.limits = process, limits
        self.said = {process.stdout: bytearray(), process.stderr: bytearray(), report: bytearray()}
        self.most = {process.stdout: limits.output, process.stderr: limits.output, report: 1 << 16}
        self.report = report

    def follow(self, deadline: float) -> Status | None:
        """Read until all is said; the limit that was broken, if one was. A broken limit kills it."""
        with selectors.DefaultSelector() as selector:
            for stream in self.said:
                selector.register(stream, selectors.EVENT_READ)
            while selector.get_map():
                broken = self._broken(deadline)
                if broken:
                    _kill(self.process)
                    return broken
                for key, _ in selector.select(POLL):
                    found = os.read(key.fd, 1 << 16)
                    if not found:
                        selector.unregister(key.fileobj)
                    elif key.fileobj is not self.report or len(self.said[self.report]) < self.most[self.report]:
                        self.said[key.fileobj] += found
        try:
            self.process.wait(max(0.0, deadline - time.perf_counter()))
        except subprocess.TimeoutExpired:  # it closed all that it could be heard by
            return "timed out"
        return None

    def _broken(self, deadline: float) -> Status | None:
        if time.perf_counter() > deadline:
            return "timed out"
        if any(len(self.said[s]) > self.most[s] for s in (self.process.stdout, self.process.stderr)):
            return "too much output"
        # Two of them wait for the program: see `jail.start`.
        if len(_descendants(self.process.pid)) > self.limits.processes + 1:
            return "too many processes"
        return None

    def result(self, broken: Status | None, seconds: float) -> Result:
        events = []
        for line in self.said[self.report].splitlines():
            with contextlib.suppress(ValueError):  # half a line, of a program that was killed
                events.append(json.loads(line))
        told = {key: value for event in events for key, value in event.items()}
        code = self.process.returncode
        status = broken or ("passed" if code == 0 else "out of memory" if told.get("error") == "MemoryError" else "failed")
        out, err = (bytes(self.said[s][: self.limits.output]).decode("utf-8", "replace")
                    for s in (self.process.stdout, self.process.stderr))  # fmt: skip
        refused = tuple(event["refused"] for event in events if "refused" in event)[:20]
        return Result(status, code, out, err, told.get("finished", False), refused, told.get("isolated", False), seconds)


def _descendants(pid: int) -> list[int]:
    """Numbers of all processes that a process and its descendants started and that still run."""
    found = []
    with contextlib.suppress(OSError):  # it has ended
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as file:
                children = [int(child) for child in file.read().split()]
            for child in children:
                found += [child, *_descendants(child)]
    return found


def _kill(process: subprocess.Popen) -> None:
    """Also what is left of its group: where it is isolated, all that it started dies with the first of them."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    process.stderr.close()
