"""What `sandbox` starts, as a script: it shuts itself in, and then runs a program. The standard library alone is used."""

import ctypes
import json
import os
import resource
import signal
import sys
import traceback
import types
from collections.abc import Callable

# <linux/sched.h>, <linux/mount.h>
NEWNS, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET = 0x20000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000
BIND, RECURSIVE, PRIVATE = 4096, 16384, 1 << 18
MOUNT_SETATTR, AT_RECURSIVE, READ_ONLY, NO_SUID, NO_DEVICES = 442, 0x8000, 1, 2, 4
NO_NEW_PRIVILEGES, CAPABILITIES_3 = 38, 0x20080522

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# Audit events, and which of their arguments are paths that are changed.
CHANGES = {"os.remove": 1, "os.rename": 2, "os.mkdir": 1, "os.rmdir": 1, "os.link": 2, "os.symlink": 2, "os.truncate": 1,
           "os.chmod": 1, "os.chown": 1, "os.utime": 1, "os.setxattr": 1, "os.removexattr": 1, "os.mkfifo": 1}  # fmt: skip
NETWORK = ("socket.__new__", "socket.bind", "socket.connect", "socket.getaddrinfo")
PROCESSES = ("os.fork", "os.forkpty", "os.exec", "os.posix_spawn", "os.spawn", "os.system", "subprocess.Popen")
NATIVE = ("ctypes.dlopen", "ctypes.dlsym")  # by which a program would get past the hook
libc = ctypes.CDLL(None, use_errno=True)


def checked(result: int) -> None:
    if result:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def unshare(folder: str, size: int) -> None:
    """Into namespaces of its own: no network, no other processes, all files read-only but those of an empty `folder`.

    What forks next is the first process of the new process namespace, with which all others end.

    Raises:
        OSError: the system does not allow it.
    """
    user, group = os.getuid(), os.getgid()
    checked(libc.unshare(NEWUSER | NEWNS | NEWUTS | NEWIPC | NEWPID | NEWNET))
    for name, line in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(line)
    mount(None, "/", PRIVATE | RECURSIVE)
    mount("/dev/null", "/dev/null", BIND)
    attributes("/", READ_ONLY | NO_SUID | NO_DEVICES, 0, AT_RECURSIVE)
    attributes("/dev/null", 0, READ_ONLY | NO_DEVICES, 0)
    checked(libc.mount(b"tmpfs", folder.encode(), b"tmpfs", NO_SUID | NO_DEVICES, f"size={size},mode=700".encode()))
    os.chdir(folder)


def allowed(folder: str) -> bool:
    """Whether this system lets `unshare` be done; tried in a process that ends with it."""
    if child := os.fork():
        return os.waitpid(child, 0)[1] == 0
    try:
        unshare(folder, 1 << 16)
        code = 0
    except OSError:
        code = 1
    os._exit(code)


def mount(source: str | None, target: str, flags: int) -> None:
    checked(libc.mount(source and source.encode(), target.encode(), None, flags, None))


def attributes(path: str, added: int, removed: int, flags: int) -> None:
    changed = (ctypes.c_uint64 * 4)(added, removed, 0, 0)
    checked(libc.syscall(MOUNT_SETATTR, -100, path.encode(), flags, ctypes.byref(changed), ctypes.sizeof(changed)))


def give_up_rights() -> None:
    """No capabilities, also in the new namespaces, and none by any file."""
    checked(libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0))
    checked(libc.capset((ctypes.c_uint32 * 2)(CAPABILITIES_3, 0), (ctypes.c_uint32 * 6)()))


def wait_for(child: int) -> int:
    """The exit code of a child; what else ends meanwhile is buried."""
    while True:
        ended, status = os.wait()
        if ended == child:
            return os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)


def watch(folder: str, report: Callable[[dict], None], alone: bool) -> None:
    """Refuse and report network and changes outside of `folder`; with `alone`, processes and native code too."""
    home = os.path.realpath(folder) + os.sep

    def outside(path: object) -> bool:
        if isinstance(path, int):
            return False  # a file that is open already
        found = os.path.realpath(os.fsdecode(path))
        return not (found + os.sep).startswith(home) and found != os.devnull

    def refuse(what: str) -> None:
        report({"refused": what[:200]})
        raise PermissionError(f"the sandbox refuses {what}")

    def hook(event: str, arguments: tuple) -> None:
        if event == "open":
            path, _, flags = arguments
            if flags & WRITES and outside(path):
                refuse(f"to write {os.fsdecode(path)}")
        elif event in CHANGES:
            for path in arguments[: CHANGES[event]]:
                if outside(path):
                    refuse(f"{event} {os.fsdecode(path)}")
        elif event in NETWORK:
            refuse(f"network ({event})")
        elif alone and event in PROCESSES:
            refuse(f"processes ({event})")
        elif alone and (event in NATIVE or (event == "os.kill" and arguments[0] != os.getpid())):
            refuse(event)

    sys.addaudithook(hook)


def run(program: str, report: Callable[[dict], None]) -> int:
    """The exit code of a program."""
    main = types.ModuleType("__main__")
    sys.modules["__main__"], sys.argv = main, ["program.py"]
    try:
        exec(compile(program, "program.py", "exec"), main.__dict__)
        sys.stdout.flush()
        report({"finished": True})
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        return 0 if end.code is None else end.code if isinstance(end.code, int) else 1
    except MemoryError:
        report({"error": "MemoryError"})
        return 1
    except BaseException as error:
        error.__traceback__ = error.__traceback__.tb_next  # without this file
        traceback.print_exception(error)
        return 1
    return 0


def start(path: str, descriptor: int) -> int:
    """Shut in and run what stands in a file of JSON; what happens is written to a pipe, a line of JSON for each event."""
    with open(path) as file:
        task = json.load(file)
    os.remove(path)
    folder, limits = os.getcwd(), task["limits"]

    def report(event: dict) -> None:
        os.write(descriptor, json.dumps(event).encode() + b"\n")

    for name, most in (("CORE", 0), ("FSIZE", limits["file_size"]), ("NOFILE", 256), ("CPU", int(limits["seconds"]) + 2)):
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (most, most))
    isolated = limits["namespaces"] and allowed(folder)
    report({"isolated": isolated})
    if isolated:
        unshare(folder, limits["file_size"])
        if first := os.fork():
            return wait_for(first)
        give_up_rights()
        if child := os.fork():
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            return wait_for(child)
        os.setsid()
    resource.setrlimit(resource.RLIMIT_AS, (limits["memory"],) * 2)
    sys.path[0] = folder
    watch(folder, report, not isolated)
    return run(task["program"], report)


if __name__ == "__main__":
    sys.exit(start(sys.argv[1], int(sys.argv[2])))
