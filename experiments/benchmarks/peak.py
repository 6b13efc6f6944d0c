"""The memory that a piece of work needs at its peak."""

import ctypes
import multiprocessing
from collections.abc import Callable

from lit_pretrain.bench.subject import memory


def peak(work: Callable[[], object]) -> float:
    """MiB that a process forked for `work` needs beside what is held already. Linux only."""
    reader, writer = multiprocessing.Pipe()

    def child() -> None:
        ctypes.CDLL(None).malloc_trim(0)  # or it would fill what was freed before and still counts as held
        held = memory("VmRSS")
        work()
        writer.send((memory("VmHWM") - held) / 2**20)

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join()
    return reader.recv()
