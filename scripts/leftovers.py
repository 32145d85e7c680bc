"""Starts a run in the background and finds what it left behind. scripts/check-kills and scripts/check-syscalls share it."""
import ctypes, os, pathlib, shutil, subprocess, sys, tempfile, time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PATIENCE = 5.0
# How each process is recognised in its command line; control is the child itself.
WORDS = {"keeper": b"__keeper", "load": b"__load", "upstream": b"__upstream"}
PR_SET_CHILD_SUBREAPER = 36
# Shorter stages of the smoke scenario.
SHORT = ["startup.launches=1", "idle.settle=10ms", "idle.window=50ms", "overhead.warmup=10ms", "overhead.window=20ms"]
# A run beside other work breaks the rules on timing. Those on correct answers and matching counts still apply.
WIDE = ["probe_gap=10s", "pacer_lag_p99=10s", "stall=100%", "upstream_stall=100%", "readings=50%", "saturated=100%", "achieved=10%"]


def log(*words):
    print(*words, file=sys.stderr, flush=True)


def built():
    """Builds the harness. Returns its path."""
    folder = subprocess.run(["scripts/build"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    return pathlib.Path(folder, "harness")


def adopt_orphans():
    """Makes this process the parent of what a run leaves behind."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def options(stages):
    """Returns the options of a short run of these stages that only wrong answers and counts make INVALID."""
    settings = [f"stage.{setting}" for setting in SHORT] + [f"audit.{limit}" for limit in WIDE]
    return [f"--stage={stage}" for stage in stages] + [f"--set={setting}" for setting in settings]


def smoke():
    """Returns the text of the smoke scenario, for a file in any folder."""
    return (ROOT / "scenarios/smoke.toml").read_text().replace('"payloads/', f'"{ROOT}/scenarios/payloads/')


def groups():
    """Returns control groups named harness-NAMESPACE-PID-STARTED-NUMBER whose creator has exited."""
    found = []
    for folder in pathlib.Path("/sys/fs/cgroup").glob("**/harness-*-*-*-*"):
        if not pathlib.Path("/proc", folder.name.split("-")[2]).exists():
            found.append(f"control group {folder}")
    return found


class Run:
    """Represents a run in the background. Its temporary directory identifies its processes."""

    def __init__(self, harness, scenario, folder, before=(), options=(), prepare=None, cwd=None, owner=None, tmp=None):
        self.harness, self.folder = harness, pathlib.Path(tempfile.mkdtemp(dir=folder))
        self.tmp, self.out = tmp or self.folder / "tmp", self.folder / "out"
        self.tmp.mkdir(exist_ok=True)
        for path in (self.folder, self.tmp) if owner else ():
            os.chown(path, owner, owner)
        command = [*before, harness, "run", scenario, "--out", self.out, "--baseline", "none", *options]
        environment = {**os.environ, "TMPDIR": str(self.tmp)}
        with open(self.folder / "log", "wb") as said:
            files = {"stdout": said, "stderr": said, "stdin": subprocess.DEVNULL}
            self.child = subprocess.Popen(command, env=environment, preexec_fn=prepare, cwd=cwd, **files)
        self.begun = time.monotonic()

    def said(self):
        """Returns what it printed."""
        return (self.folder / "log").read_text(errors="replace")

    def pid(self, name):
        """Returns the pid of a process of the run, if it is there."""
        if name == "control":
            return self.child.pid if self.child.poll() is None else None
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                command = (entry / "cmdline").read_bytes()
                own = os.fsencode(self.tmp) in (entry / "environ").read_bytes()
            except OSError:
                continue
            if own and WORDS[name] in command:
                return int(entry.name)
        return None

    def result(self):
        folders = list(self.out.glob("*/*/"))
        return folders[0] if folders else None

    def reap(self):
        """Collects children that have ended."""
        try:
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass
        except ChildProcessError:
            pass

    def processes(self):
        """Finds orphans: this process is their reaper, and others still name the temporary directory."""
        self.reap()
        found = []
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                stat = (entry / "stat").read_text().rsplit(")", 1)[1].split()
                command = (entry / "cmdline").read_bytes()
                words = (entry / "environ").read_bytes() + command
            except OSError:
                continue
            if stat[0] != "Z" and (os.fsencode(self.tmp) in words or int(stat[1]) == os.getpid()):
                found.append(f"process {entry.name} {command[:80]}")
        return found

    def containers(self):
        if not (result := self.result()) or not shutil.which("docker"):
            return []
        label = f"label=harness.run={result.name}"
        asked = {"container": ["ps", "--all"], "network": ["network", "ls"], "image": ["images"]}
        return [
            f"{kind} {name}"
            for kind, words in asked.items()
            for name in subprocess.run(["docker", *words, "--quiet", "--filter", label], capture_output=True, text=True).stdout.split()
        ]

    def left(self):
        files = [f"file {path}" for path in self.tmp.iterdir()]
        return self.processes() + groups() + self.containers() + files

    def left_at_last(self):
        """Returns what is left after the time in which it should disappear."""
        deadline = time.monotonic() + PATIENCE
        while (left := self.left()) and time.monotonic() < deadline:
            time.sleep(0.05)
        return left

    def is_readable(self):
        """Returns the problem of the result, if any, and its state: complete, journal, partial, or none if nothing is written yet."""
        result = self.result()
        if result is None or not any(file.stat().st_size for file in result.glob("*.json*")):
            return None, "none"
        if (result / "result.json").exists():
            checked = subprocess.run([self.harness, "validate", result], capture_output=True, text=True)
            return (checked.stdout + checked.stderr if checked.returncode else None), "complete"
        shown = subprocess.run([self.harness, "report", result], capture_output=True, text=True)
        # The journal is complete if only the result could not be written.
        return (None if shown.stdout else shown.stderr), "partial" if "partial" in shown.stdout else "journal"

    def forget(self):
        shutil.rmtree(self.folder)
