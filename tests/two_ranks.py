"""Two processes that train as one."""

import os
import socket
import subprocess
import sys
from pathlib import Path


def run_two_ranks(*words: str, timeout: float = 300.0) -> list[str]:
    """What Python with these words says on the standard error of two ranks, which both must end well."""
    here = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = os.environ | {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
                           "TORCHELASTIC_RUN_ID": "test", "OMP_NUM_THREADS": "1",
                           "PYTHONPATH": here}  # fmt: skip
    ranks = [subprocess.Popen([sys.executable, *words], env=common | {"RANK": str(r), "LOCAL_RANK": str(r)},
                              stderr=subprocess.PIPE) for r in range(2)]  # fmt: skip
    try:
        errors = [rank.communicate(timeout=timeout)[1].decode()[-2000:] for rank in ranks]
    finally:
        for rank in ranks:
            rank.kill()  # where one waits for the other
    assert [rank.returncode for rank in ranks] == [0, 0], errors
    return errors
