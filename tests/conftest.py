"""Shared by all tests: where the real data are, one cache for tokenised text, a quiet Lightning."""

import logging
import os
import random
import warnings
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest
import torch
from hypothesis import settings

os.environ.setdefault("OMP_NUM_THREADS", "1")  # two test processes on two cores, and the processes that they start
os.environ.setdefault("TRITON_INTERPRET", str(int(not torch.cuda.is_available())))  # before Triton is imported
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
warnings.filterwarnings("ignore", module="lightning")
settings.register_profile("tests", derandomize=True, deadline=None, max_examples=40, database=None)  # the same in every run
settings.load_profile("tests")


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real data sets that LIT_PRETRAIN_DATA names."""
    folder = os.environ.get("LIT_PRETRAIN_DATA")
    if not folder:
        pytest.skip("LIT_PRETRAIN_DATA is not set: tests on real data sets are skipped")
    return Path(folder)


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Tokenizers and token files of tests do not enter the user's cache."""
    os.environ.setdefault("LIT_PRETRAIN_CACHE", str(tmp_path_factory.getbasetemp().parent / "lit_pretrain_cache"))


@pytest.fixture(autouse=True)
def seed(request: pytest.FixtureRequest) -> None:
    """Each test draws the same numbers in every run, whichever tests ran before it."""
    name = crc32(request.node.nodeid.encode())
    random.seed(name)
    np.random.seed(name)
    torch.manual_seed(name)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Tests of a file run in one process, those of the conformance battery by configuration: it is as long as all others."""
    from xdist.scheduler import LoadScopeScheduling

    class ByConfiguration(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file, _, test = nodeid.partition("::")
            return file + test.partition("[")[2] if "conformance" in file else file

    return ByConfiguration(config, log)
