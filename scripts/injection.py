"""Starts a run in which one system call fails, for scripts/check-syscalls.

A run is a tree of processes, and strace counts calls per thread. So this process follows the tree with ptrace(2), without stopping at system
calls, and hands a process to strace before its first instruction if it has the wanted role."""
import collections, contextlib, ctypes, os, re, signal, subprocess, sys, time

from leftovers import PATIENCE, WORDS, Run

# The longest time of a run. An undisturbed one takes less than a tenth of it.
DEADLINE = 60
# Requests and events of ptrace(2), and the flag of waitpid(2) for threads.
TRACEME, CONT, DETACH, SETOPTIONS = 0, 7, 17, 0x4200
FORK, VFORK, CLONE, EXEC = 2, 4, 8, 16
EVENT_EXEC = 4
WALL = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)

# The Nth call of every thread of every process of a role.
Position = collections.namedtuple("Position", "role call error number")


def ptrace(request, pid=0, data=0):
    if libc.ptrace(ctypes.c_long(request), ctypes.c_long(pid), None, ctypes.c_void_p(data)) == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def command_line(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read()
    except OSError:
        return b""


def tracer_of(pid):
    with open(f"/proc/{pid}/status") as file:
        return int(re.search(r"TracerPid:\t(\d+)", file.read())[1])


def too_late(*_):
    raise TimeoutError


class Attempt(Run):
    """Represents a run in which the call at a position fails."""

    def __init__(self, harness, scenario, folder, options, position):
        super().__init__(harness, scenario, folder, options=options, prepare=lambda: ptrace(TRACEME))
        self.position, self.code, self.straces = position, None, {}
        os.waitpid(self.child.pid, 0)  # it has just been started
        if position.role == "control":
            self.hand_over(self.child.pid)
        else:
            ptrace(SETOPTIONS, self.child.pid, FORK | VFORK | CLONE | EXEC)
            ptrace(CONT, self.child.pid)

    def command(self, pid):
        """Returns the command that lets the call of a process fail."""
        _, call, error, number = self.position
        inject = ["-e", f"trace={call}", "-e", f"inject={call}:error={error}:when={number}"]
        return ["strace", "-qq", "-f", "-b", "execve", "-y", "-e", "signal=none", "-o", f"{self.folder}/strace.{pid}", *inject, "-p", str(pid)]

    def hand_over(self, pid):
        """Stops a process that was traced here, lets strace trace it, and continues it."""
        os.kill(pid, signal.SIGSTOP)
        ptrace(DETACH, pid)
        strace = subprocess.Popen(self.command(pid), stdin=subprocess.DEVNULL)
        self.straces[strace.pid] = strace
        while tracer_of(pid) == 0:
            if strace.poll() is not None:
                os.kill(pid, signal.SIGKILL)
                sys.exit("check-syscalls: strace may not trace a process here; run this as root, or try: sysctl kernel.yama.ptrace_scope=0")
            time.sleep(0.001)
        os.kill(pid, signal.SIGCONT)

    def step(self, options=0):
        """Handles the next event of any process. Returns whether there was one."""
        pid, status = os.waitpid(-1, WALL | options)
        if pid == 0:
            return False
        if os.WIFSTOPPED(status):
            self.resume(pid, os.WSTOPSIG(status), status >> 16)
        elif pid == self.child.pid:
            self.code = self.child.returncode = os.waitstatus_to_exitcode(status)
        elif pid in self.straces:
            self.straces[pid].returncode = status
        return True

    def resume(self, pid, number, event):
        """Lets a process go on that stopped with a signal or for an event."""
        # A process that is killed while it is stopped no longer exists.
        with contextlib.suppress(ProcessLookupError):
            if event == EVENT_EXEC and WORDS[self.position.role] in command_line(pid):
                self.hand_over(pid)
            else:
                # A new process or thread begins with SIGSTOP.
                passed = 0 if event or number in (signal.SIGSTOP, signal.SIGTRAP) else number
                ptrace(CONT, pid, passed)

    def containers(self):
        return []  # the scenario has none

    def reap(self):
        with contextlib.suppress(ChildProcessError):
            while self.step(os.WNOHANG):
                pass

    def finish(self):
        """Waits for the end of the run. Returns whether it came in time."""
        signal.signal(signal.SIGALRM, too_late)
        signal.alarm(DEADLINE)
        try:
            while self.code is None:
                self.step()
        except TimeoutError:
            return False
        finally:
            signal.alarm(0)
        return True

    def kill(self):
        """Kills everything that belongs to the run."""
        deadline = time.monotonic() + PATIENCE
        while (left := self.processes()) and time.monotonic() < deadline:
            for found in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(found.split()[1]), signal.SIGKILL)
            time.sleep(0.01)

    def printed(self):
        """Returns what its processes printed."""
        return self.said() + "".join(log.read_text(errors="replace") for log in self.out.glob("**/*.log"))

    def hits(self):
        """Returns the calls that failed, as strace prints them."""
        lines = [line for log in self.folder.glob("strace.*") for line in log.read_text(errors="replace").splitlines()]
        return [line for line in lines if "(INJECTED)" in line]
