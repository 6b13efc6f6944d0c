"""Whatever a program does, it is contained, and the result says what it did."""

import os
import time
from contextlib import suppress
from pathlib import Path

import pytest

from lit_pretrain.downstream.code.sandbox import Limits, run

ISOLATED = run("").isolated
BOTH = pytest.mark.parametrize("namespaces", [True, False])
isolated = pytest.mark.skipif(not ISOLATED, reason="this system gives no user namespaces")


@BOTH
def test_a_program_reads_prints_and_writes_in_its_folder(namespaces):
    program = "import os; open('a', 'w').write(input()[::-1]); print(open('a').read(), os.listdir(), 'SECRET' in os.environ)"
    os.environ["SECRET"] = "1"
    try:
        result = run(program, "abc\n", Limits(namespaces=namespaces))
    finally:
        del os.environ["SECRET"]
    assert (result.status, result.stdout, result.stderr) == ("passed", "cba ['a'] False\n", "")
    assert result.finished and not result.refused and result.code == 0
    assert result.isolated == (ISOLATED and namespaces)


@BOTH
@pytest.mark.parametrize(("program", "code", "said"), [
    ("def f():\n    raise KeyError('lost')\nf()", 1, "KeyError: 'lost'"),
    ("import sys; sys.exit('no')", 1, "no\n"),
    ("import sys; sys.exit(3)", 3, ""),
    ("x = = 1", 1, "SyntaxError"),
    ("import os; os.kill(os.getpid(), 11)", None, ""),
])  # fmt: skip
def test_failures_are_told(namespaces, program, code, said):
    result = run(program, limits=Limits(namespaces=namespaces))
    assert result.status == "failed" and not result.finished and said in result.stderr and "jail.py" not in result.stderr
    assert result.code == code if code is not None else result.code in (-11, 139)


@BOTH
@pytest.mark.parametrize(("program", "status"), [
    ("while True: pass", "timed out"),
    ("import os, time\nos.closerange(0, 99)\ntime.sleep(99)", "timed out"),
    ("while True: print('x' * 1000)", "too much output"),
    ("import sys\nwhile True: print('x' * 1000, file=sys.stderr)", "too much output"),
    ("x = bytearray(10**9)", "out of memory"),
    ("x = bytearray(10**9)\n" * 3, "out of memory"),
])  # fmt: skip
def test_limits_hold(namespaces, program, status):
    seconds = 1.0 if status == "timed out" else 30.0
    limits = Limits(seconds=seconds, memory=256 << 20, output=50_000, namespaces=namespaces)
    result = run(program, limits=limits)
    assert result.status == status and result.seconds < seconds + 30
    assert len(result.stdout) <= 50_000 and len(result.stderr) <= 50_000


@BOTH
def test_large_files_are_cut(namespaces):
    program = "f = open('a', 'wb')\nfor _ in range(9): f.write(bytes(10**6)); f.flush()"
    result = run(program, limits=Limits(file_size=2 << 20, namespaces=namespaces))
    assert result.status == "failed" and "File too large" in result.stderr


@BOTH
def test_files_outside_cannot_be_changed(tmp_path, namespaces):
    kept = tmp_path / "kept"
    kept.write_text("as it was")
    changes = [f"open({str(kept)!r}, 'w')", f"os.remove({str(kept)!r})", f"os.rename({str(kept)!r}, 'mine')",
               f"os.mkdir({str(tmp_path / 'new')!r})", f"os.symlink('a', {str(tmp_path / 'new')!r})"]  # fmt: skip
    program = "import os\n" + "".join(f"try: {change}\nexcept OSError as error: print(error)\n" for change in changes)
    result = run(program, limits=Limits(namespaces=namespaces))
    assert result.status == "passed" and result.stdout.count("refuses") == len(result.refused) == len(changes)
    assert str(kept) in result.refused[0] and os.listdir(tmp_path) == ["kept"] and kept.read_text() == "as it was"


@BOTH
def test_there_is_no_network(namespaces):
    program = "import urllib.request as u\ntry: u.urlopen('http://127.0.0.1:1', timeout=1)\nexcept OSError: print('none')"
    result = run(program, limits=Limits(namespaces=namespaces))
    assert result.stdout == "none\n" and "network" in result.refused[0]


def test_without_isolation_no_process_is_started_and_no_library_called():
    for program, what in [("import os; os.fork()", "os.fork"), ("import os; os.system('ls')", "os.system"),
                          ("import subprocess; subprocess.run(['ls'])", "subprocess"),
                          ("import os; os.kill(os.getppid(), 9)", "os.kill"),
                          ("import ctypes; ctypes.CDLL(None).getpid()", "ctypes.dlopen")]:  # fmt: skip
        result = run(program, limits=Limits(namespaces=False))
        assert result.status == "failed" and what in result.refused[0], program


@isolated
def test_native_code_does_not_get_out_either(tmp_path):
    kept = tmp_path / "kept"
    kept.write_text("as it was")
    program = f"""
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def errno(result): return ctypes.get_errno() if result < 0 else 0
print(errno(libc.open({str(kept).encode()!r}, 1)), errno(libc.open(b'/dev/full', 1)), errno(libc.open(b'/dev/null', 1)))
print(errno(libc.mount(None, b'/', None, 32, None)), errno(libc.unshare(0x20000)))
address = bytes([2, 0, 0, 80, 1, 1, 1, 1]) + bytes(8)
print(errno(libc.connect(libc.socket(2, 1, 0), address, 16)))
"""
    assert run(program).stdout == "30 13 0\n1 1\n101\n"  # EROFS EACCES, EPERM EPERM, ENETUNREACH
    assert kept.read_text() == "as it was"


@isolated
def test_processes_are_counted_and_end_with_the_program():
    few = "import subprocess\nprint(subprocess.run(['echo', 'hi'], capture_output=True, text=True).stdout)"
    assert run(few).stdout.strip() == "hi"
    bomb = run("import os\nwhile True: os.fork()", limits=Limits(seconds=30.0))
    assert bomb.status == "too many processes"
    left = run("import os, time\nprint(os.environ['HOME'], flush=True)\nif not os.fork():\n    os.setsid()\n    os.fork()\n"
               "    time.sleep(60)")  # fmt: skip
    folder = left.stdout.strip()
    assert left.status == "passed" and "sandbox-" in folder and not os.path.exists(folder)
    time.sleep(0.1)
    commands = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(FileNotFoundError, ProcessLookupError):  # another's, which has just ended
            commands.append(process.read_bytes())
    assert commands and not any(folder.encode() in command for command in commands)


def test_wrong_limits_are_named():
    with pytest.raises(ValueError, match="seconds=0"):
        Limits(seconds=0)
