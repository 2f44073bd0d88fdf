# SPDX-License-Identifier: MIT
"""What the measurements stand on: the installation under test, the service, the engine, the containers.

All of it is made here, under one folder, and goes again when the stack that `Machine` keeps is unwound. What ran
before (a service, a dockerd) is used as it is and left alone.
"""
import contextlib
import fcntl
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
IMAGE = "linfsp-bench"
LABEL = "linfsp-bench"
TEST_LOCK = "/run/lock/linfsp-test.lock"
OPTIONS = os.environ.get("LINFSP_TEST_SERVICE_OPTIONS", "").split()  # as for the end-to-end tests
EXAMPLES = pathlib.Path("/usr/share/doc/libfuse3-dev/examples")


class Missing(Exception):
    """This machine, or this build, lacks something: the section is skipped by name."""


def run(*command, timeout=60, check=True, **options):
    """Runs a command to its end; returns what it printed."""
    done = subprocess.run(
        [str(word) for word in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=timeout,
        check=False,
        stdin=subprocess.DEVNULL,
        **options,
    )
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def wait_until(condition, seconds, what):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError(f"waited in vain for {what}")
        time.sleep(0.01)


def end_process(process, seconds=10):
    """Ends a process that we started."""
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def children(pid):
    found = []
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += [int(word) for word in task.read_text().split()]
    return found


def process_tree(pid):
    return [pid] + [descendant for child in children(pid) for descendant in process_tree(child)]


def take_turn(stack):
    """The end-to-end tests start and kill services of their own: not at the same time. In a world, with a service that has its own
    containers only (test/reliability/world), it may run beside those that do as much."""
    lock = stack.enter_context(open(TEST_LOCK, "w", encoding="ascii"))
    kind = fcntl.LOCK_SH if "--only-descendants" in OPTIONS else fcntl.LOCK_EX
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        print("bench: waits for the end-to-end tests to end", file=sys.stderr, flush=True)
        fcntl.flock(lock, kind)


class Machine:
    def __init__(self, build, stack):
        self.build = pathlib.Path(build).resolve()
        self.programs = self.build / "benchmarks"
        self.stack = stack
        self.skipped = {}
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="linfsp-bench."))
        stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self.folder.chmod(0o755)
        run("meson", "install", "-C", self.build, "--no-rebuild", "--quiet", "--destdir", self.folder / "stage")
        self.stage = self.folder / "stage/usr/local"
        self.linfsp = self.stage / "bin/linfsp"
        self._find_programs()
        self._make_root()
        self._find_engine()
        self.service = Service(self)

    # ---- programs -----------------------------------------------------------------------------------------------

    def _find_programs(self):
        """Name and place of whatever is copied into the containers."""
        own = ["load", "first", "mount-time", "mount-peer", "volume-create", "shares", "accesses", "peer-memfs-ll"]
        self.inside = {name: self.programs / name for name in own if (self.programs / name).exists()}
        self.inside["linfsp"] = self.linfsp
        if (self.stage / "bin/memfs").exists():
            self.inside["memfs"] = self.stage / "bin/memfs"
        else:
            self.skipped["memfs"] = "this build has none"
        if "peer-memfs-ll" not in self.inside:
            self.skipped["libfuse"] = "it was not built: libfuse3-dev is not installed"
        self._build_passthrough()
        busybox = shutil.which("busybox")
        if busybox:
            self.inside["busybox"] = pathlib.Path(busybox)

    def _build_passthrough(self):
        """Debian packages libfuse's passthrough programs as source only: documentation of libfuse3-dev."""
        source, program = EXAMPLES / "passthrough_ll.c", self.folder / "passthrough_ll"
        if not source.exists():
            self.skipped["passthrough_ll"] = f"there is no {source}"
            return
        flags = run("pkg-config", "--cflags", "--libs", "--static", "fuse3").split()
        try:
            run("gcc", "-O2", "-w", "-D_FILE_OFFSET_BITS=64", "-static", "-o", program, source, *flags)
            self.inside["passthrough_ll"] = program
        except RuntimeError as error:
            self.skipped["passthrough_ll"] = f"it cannot be built here: {str(error)[:200]}"

    def need(self, *names):
        for name in names:
            if name not in self.inside:
                raise Missing(f"{name}: {self.skipped.get(name, 'not there')}")

    def _make_root(self):
        """The root folder of all containers: static programs in /bench, and the folders that engines mount on."""
        self.root = self.folder / "root"
        for name in ["dev", "proc", "sys", "etc", "tmp", "mnt", "bin", "run", "peer", "pass", "tmpfs", "root", "bench"]:
            (self.root / name).mkdir(parents=True)
        for name, source in self.inside.items():
            shutil.copy(source, self.root / "bench" / name)
        (self.root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
        if "busybox" in self.inside:
            (self.root / "bin/sh").symlink_to("../bench/busybox")

    # ---- Docker -------------------------------------------------------------------------------------------------

    def _helper(self, text, *arguments):
        script = 'source "$1/test/helpers/common.bash"; shift; ' + text
        return run("bash", "-c", script, "bench", ROOT, *arguments, timeout=120)

    def _find_engine(self):
        self.docker = None
        if not shutil.which("docker") or not shutil.which("dockerd"):
            self.skipped["docker"] = "it is not installed"
            return
        if subprocess.run(["docker", "version"], capture_output=True, check=False).returncode != 0:
            folder = self.folder / "engine"
            try:
                self._helper('private_engine "$1"', folder)
            except RuntimeError as error:
                self.skipped["docker"] = f"dockerd does not start here: {str(error)[-300:]}"
                return
            self.stack.callback(self._helper, 'end_engine "$1"', folder)
            os.environ["DOCKER_HOST"] = f"unix://{folder}/docker.sock"
        self.docker = "docker"
        self.remove_containers()
        self.stack.callback(self.docker_run, "image", "rm", "-f", IMAGE, check=False)
        self.stack.callback(self.remove_containers)
        archive = self.folder / "root.tar"
        run("tar", "-C", self.root, "-cf", archive, ".")
        self.docker_run("import", archive, IMAGE)
        archive.unlink()

    def docker_run(self, *arguments, **options):
        if not self.docker:
            raise Missing(f"docker: {self.skipped['docker']}")
        return run("docker", *arguments, **options)

    def remove_containers(self):
        found = self.docker_run("ps", "-aq", "--filter", f"label={LABEL}").split()
        if found:
            self.docker_run("rm", "-f", *found, check=False)

    def facts(self):
        """What a figure depends on besides the code."""
        model = [line.split(":")[1].strip() for line in open("/proc/cpuinfo", encoding="utf-8") if "model name" in line]
        commit = run("git", "-C", ROOT, "rev-parse", "--short=12", "HEAD", check=False).strip()
        return {
            "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "commit": commit or "without git",
            "kernel": os.uname().release,
            "cpus": os.cpu_count(),
            "cpu": model[0] if model else "",
            "load_average_before": os.getloadavg()[0],
            "docker": self.docker_run("version", "-f", "{{.Server.Version}}").strip() if self.docker else None,
            "libfuse": run("pkg-config", "--modversion", "fuse3", check=False).strip(),
            "service_is_ours": self.service.ours,
        }


class Service:
    """linfspd of the build; or one that ran before, which is then never stopped."""

    def __init__(self, machine):
        self.machine = machine
        self.process = None
        self.ours = not self.runs()
        machine.stack.callback(self.stop)

    def runs(self):
        done = subprocess.run([self.machine.linfsp, "status"], capture_output=True, check=False, timeout=10)
        return done.returncode == 0

    def status(self):
        return json.loads(run(self.machine.linfsp, "status", "--json"))

    def start(self):
        if not self.ours or self.process:
            return
        with open(self.machine.folder / "linfspd.log", "ab") as log:
            self.process = subprocess.Popen(  # nice: as the unit has it
                ["nice", "-n", "-15", self.machine.stage / "sbin/linfspd", *OPTIONS], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        wait_until(self.runs, 10, "linfspd")

    def stop(self):
        if self.process:
            end_process(self.process, 20)
        self.process = None


# ---- containers -------------------------------------------------------------------------------------------------


class Container:
    """A Docker container that sleeps, and in which programs are run. Gone with its block."""

    def __init__(self, machine, *options):
        self.machine = machine
        self.id = machine.docker_run(
            "run", "-d", "--label", LABEL, "--network=none", *options, IMAGE, "/bench/first", "--stay"
        ).strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.machine.docker_run("rm", "-f", self.id, check=False)

    def command(self, *command):
        return ["docker", "exec", "-i", self.id, *map(str, command)]

    def run(self, *command, **options):
        return run(*self.command(*command), **options)

    def start(self, *command):
        """In the background, for as long as the container lives."""
        self.machine.docker_run("exec", "-d", self.id, *map(str, command))

    def is_mounted(self, path):
        mounts = self.run("/bench/busybox", "cat", "/proc/self/mounts")
        return any(line.split()[1] == path for line in mounts.splitlines())


class Silo:
    """A container of bubblewrap's, whose first process is the given program."""

    def __init__(self, machine, *command):
        self.process = subprocess.Popen(
            [
                "bwrap",
                "--tmpfs",
                "/",
                "--ro-bind",
                machine.root / "bench",
                "/bench",
                "--dev",
                "/dev",
                "--proc",
                "/proc",
                "--dir",
                "/mnt",
                "--unshare-pid",
                "--as-pid-1",
                "--die-with-parent",
                *command,
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = None
        self.holders = []

    def first_line(self):
        line = self.process.stdout.readline()
        found = children(self.process.pid)
        self.pid = found[0] if found else None
        return json.loads(line)

    def command(self, *command):
        """Run by a process that enters the silo from outside, as `docker exec` does."""
        return ["nsenter", "--target", str(self.pid), "--mount", "--root", "--pid", "--wd=/", *map(str, command)]

    def run(self, *command, **options):
        return run(*self.command(*command), **options)

    def end(self):
        end_process(self.process)
        self.process.stdout.close()
        for holder in self.holders:
            end_process(holder)
            holder.stdin.close()
            holder.stdout.close()


def json_lines(text):
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]
