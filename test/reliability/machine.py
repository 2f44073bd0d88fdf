# SPDX-License-Identifier: MIT
"""
What the tests of this folder have in common: a service that is started again whenever it dies, containers in which commands
can be run, and the question what is left. Run inside test/reliability/world.
"""
import contextlib
import ctypes
import glob
import json
import mmap
import os
import re
import select
import signal
import struct
import subprocess
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WORLD = os.environ["LINFSP_WORLD"]
STAGE = WORLD + "/stage/usr/local"
JOURNAL = "/run/linfsp/journal"
LOG = WORLD + "/log"


class Failure(Exception):
    pass


def stage(build):
    subprocess.run(["meson", "install", "-C", build, "--no-rebuild", "--quiet", "--destdir", WORLD + "/stage"], check=True)
    os.environ["PATH"] = STAGE + "/bin:" + STAGE + "/sbin:" + os.environ["PATH"]


def read(path):
    try:
        with open(path, errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def until(seconds, question, what):
    """Asks until the answer is true, and returns it; else a Failure that says what."""
    end = time.monotonic() + seconds
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > end:
            raise Failure("in vain for %d s: %s" % (seconds, what() if callable(what) else what))
        time.sleep(0.01)


def command(*words, seconds=20, text=None):
    """(status, output) of a command on the host."""
    try:
        done = subprocess.run(words, timeout=seconds, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, input=text,
                              stdin=None if text is not None else subprocess.DEVNULL, errors="replace")
    except subprocess.TimeoutExpired:
        raise Failure("hangs: " + " ".join(words))
    return done.returncode, done.stdout


class Faults:
    """The table of src/util/fault.h."""
    FILE = "/run/linfspd.faults"
    HEAD, ROW, ROWS = 32, 128, 1024
    KILL_BEFORE, KILL_AFTER, FAIL = 1, 2, 3

    def __init__(self):
        with open(self.FILE, "wb") as file:
            file.write(struct.pack("<I", 0x46415531) + bytes(self.HEAD - 4 + self.ROWS * self.ROW))
        with open(self.FILE, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), 0)

    def rows(self):
        """[(name, kind, hits)] by index"""
        rows = []
        for index in range(self.ROWS):
            at = self.HEAD + index * self.ROW
            kind, hits, _, ready = struct.unpack_from("<IIiI", self.map, at + 112)
            if ready != 2:
                break
            rows.append((self.map[at:at + 112].split(b"\0")[0].decode(), chr(kind), hits))
        return rows

    def hits(self):
        return [row[2] for row in self.rows()]

    def arm(self, index, action, occurrence):
        struct.pack_into("<IIiI", self.map, 8, 0, index, occurrence, 0)
        struct.pack_into("<I", self.map, 8, action)

    def disarm(self):
        """Returns whether it struck."""
        struct.pack_into("<I", self.map, 8, 0)
        return struct.unpack_from("<I", self.map, 20)[0] != 0


SLOW_START = 2


def where_they_are():
    """What service and workers wait for."""
    return "".join("\n    %d (%s): %s" % (pid, name, " ".join(read("/proc/%d/stack" % pid).split()) or read("/proc/%d/wchan" % pid))
                   for name in ("linfspd", "linfspd-worker", "linfspd-catcher") for pid in processes(name))


class Service:
    """linfspd, started again by a thread as soon as it has died, as systemd would."""

    def __init__(self, program, options=()):
        self.program, self.options = program, list(options)
        self.wanted = True
        self.kills = self.exits = self.starts = 0
        self.slowest = 0.0
        self.stopped_by_itself = []
        self.is_ready = threading.Event()
        self.process = None
        self.changed = threading.Condition()
        self.thread = threading.Thread(target=self._look_after, daemon=True)
        self.thread.start()
        self.ready()

    def _look_after(self):
        while self.wanted:
            begin = time.monotonic()
            reading, writing = os.pipe()
            with open(LOG, "a") as log:
                process = subprocess.Popen([self.program, "--only-descendants", "--dist=" + STAGE + "/lib/linfsp",
                                            "--ready-fd=%d" % writing] + self.options,
                                           pass_fds=[writing], stdin=subprocess.DEVNULL, stderr=log, stdout=log)
            os.close(writing)
            self.process = process
            self.starts += 1
            told, wondered = b"", False
            with open(reading, "rb", buffering=0) as file:
                while process.poll() is None:  # its children may have the other end of the pipe for longer
                    if time.monotonic() - begin > SLOW_START and not wondered:
                        wondered = True
                        with open(LOG, "a") as log:
                            log.write("a slow start:%s\n" % where_they_are())
                    if not select.select([file], [], [], 0.1)[0]:
                        continue
                    more = file.read(100)
                    told += more
                    if not more or b"READY" in told:
                        break
            if b"READY" in told:
                self.slowest = max(self.slowest, time.monotonic() - begin)
                self.is_ready.set()
            status = process.wait()
            self.is_ready.clear()
            if status in (-signal.SIGKILL, 137):
                self.kills += 1
            elif self.wanted and status != 0:
                self.exits += 1
                self.stopped_by_itself.append(status)

    def ready(self):
        if not self.is_ready.wait(30):
            raise Failure("the service does not become ready:\n" + "".join(read(LOG).splitlines(True)[-20:]))

    def settled(self):
        """Waits until one serves that is alive. One that was just killed has closed its sockets before it is known to have ended."""
        until(30, lambda: self.is_ready.is_set() and self.process.poll() is None and command("linfsp", "status")[0] == 0,
              "the service to be ready")

    def kill(self, number=signal.SIGKILL):
        self.process.send_signal(number)

    def kill_and_wait(self, number=signal.SIGKILL):
        starts = self.starts
        self.is_ready.wait(30)
        self.process.send_signal(number)
        until(30, lambda: self.starts > starts, "the service to be started again")
        self.ready()

    def stop(self):
        """All is taken down. Returns the status."""
        self.wanted = False
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            raise Failure("SIGTERM does not end the service:\n" + "".join(read(LOG).splitlines(True)[-20:]))
        self.thread.join(30)
        return self.process.returncode


class Silo:
    """A container that runs commands."""
    numbers = 0

    def __init__(self, *options):
        """options: "users" (a user namespace), "hook" (set up ahead of its entry point), "readonly" (its root), "admin" (it may mount),
        "overlay" (its root has layers, as Docker's)."""
        Silo.numbers += 1
        self.number = Silo.numbers
        self.name = "silo-%d-%d" % (os.getpid(), self.number)
        self.bundle = "%s/%s" % (WORLD, self.name)
        os.mkdir(self.bundle)
        os.mkdir(self.bundle + "/root")
        os.chmod(self.bundle + "/root", 0o755)
        self.configure(options)
        self.shell = subprocess.Popen(["crun", "--cgroup-manager=disabled", "run", "-b", self.bundle, self.name],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.turn = 0
        self.buffer = b""

    def configure(self, options):
        """The OCI bundle: an empty root with the host's programs in it, no capabilities."""
        kinds = ["pid", "mount", "ipc", "uts", "network"]
        mounts = [{"destination": "/proc", "type": "proc", "source": "proc"},
                  {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755", "size=65536k"]}]
        for folder in ("/tmp", "/run"):
            mounts.append({"destination": folder, "type": "tmpfs", "source": "tmpfs", "options": ["mode=1777"]})
        for folder in ("/usr", "/etc"):
            mounts.append({"destination": folder, "type": "none", "source": folder, "options": ["bind", "ro"]})
        os.mkdir(self.bundle + "/root/mnt")
        for link in ("bin", "sbin", "lib", "lib64"):
            os.symlink("usr/" + link, self.bundle + "/root/" + link)
        config = {
            "ociVersion": "1.0.2", "hostname": "silo", "root": {"path": "root"}, "mounts": mounts,
            "process": {
                "terminal": False, "user": {"uid": 0, "gid": 0}, "args": ["sh"], "cwd": "/", "noNewPrivileges": False,
                "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/dev/linfsp/bin"],
                "capabilities": {name: ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_SETUID", "CAP_SETGID", "CAP_KILL"]
                                 for name in ("bounding", "effective", "permitted")}},
            "linux": {"namespaces": [{"type": kind} for kind in kinds]}}
        if "users" in options:
            config["linux"]["namespaces"].append({"type": "user"})
            for which in ("uidMappings", "gidMappings"):
                config["linux"][which] = [{"containerID": 0, "hostID": 200000, "size": 65536}]
            for folder, _, files in os.walk(self.bundle + "/root"):
                for name in [""] + files:
                    os.lchown(os.path.join(folder, name), 200000, 200000)
        if "hook" in options:
            config["hooks"] = {"createRuntime": [{"path": STAGE + "/bin/linfsp", "args": ["linfsp", "hook"]}]}
        config["root"]["readonly"] = "readonly" in options
        if "overlay" in options:
            config["root"]["path"] = self.layer()
        if "admin" in options:
            for which in config["process"]["capabilities"].values():
                which.append("CAP_SYS_ADMIN")
        with open(self.bundle + "/config.json", "w") as file:
            json.dump(config, file)

    def layer(self):
        """A layer over the root."""
        for name in ("upper", "work", "merged"):
            os.mkdir("%s/%s" % (self.bundle, name))
        layers = "lowerdir={0}/root,upperdir={0}/upper,workdir={0}/work".format(self.bundle)
        subprocess.run(["mount", "-t", "overlay", "-o", layers, "overlay", self.bundle + "/merged"], check=True)
        return "merged"

    def run(self, text, seconds=20):
        """(status, output) of a shell command."""
        self.turn += 1
        mark = b"#%d.%d " % (self.number, self.turn)
        self.shell.stdin.write(b"{ %s\n} 2>&1 </dev/null; echo \"%s$?\"\n" % (text.encode(), mark))
        self.shell.stdin.flush()
        end = time.monotonic() + seconds
        while True:
            found = re.search(re.escape(mark) + rb"(\d+)\n", self.buffer)
            if found:
                output = self.buffer[:found.start()].decode(errors="replace")
                self.buffer = self.buffer[found.end():]
                return int(found.group(1)), output
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.shell.stdout], [], [], left)[0]:
                raise Failure("hangs in a container: %s (%r)" % (text, self.buffer))
            more = os.read(self.shell.stdout.fileno(), 65536)
            if not more:
                raise Failure("the container ended at: %s (%r)" % (text, self.buffer))
            self.buffer += more

    def must(self, text, seconds=20):
        status, output = self.run(text, seconds)
        if status:
            raise Failure("%s: %d: %s" % (text, status, output))
        return output

    def has_devices(self):
        return self.run("test -S /dev/linfsp/disk")[0] == 0

    def serve(self, name, words):
        """Starts a file system, and returns its pid in there."""
        return int(self.must("%s >/tmp/%s.log 2>&1 & echo $!" % (words, name)))

    def end(self):
        command("crun", "--cgroup-manager=disabled", "delete", "-f", self.name)
        if os.path.ismount(self.bundle + "/merged"):
            subprocess.run(["umount", "-l", self.bundle + "/merged"], check=True)
        self.shell.kill()
        self.shell.wait()
        self.shell.stdin.close()
        self.shell.stdout.close()

    def init(self):
        """The pid, on the host, of its first process."""
        state = json.loads(command("crun", "--cgroup-manager=disabled", "state", self.name)[1])
        return state["pid"]


def nodes():
    """What the service has for itself, but for the lock of letters, which stays once it was used."""
    return sorted(set(os.listdir("/run/linfsp/private")) - {"letters"})


def volumes():
    status, output = command("linfsp", "volumes", "--json")
    if status:
        raise Failure("linfsp volumes: " + output)
    return json.loads(output)


def ours(pid):
    """Whether a process was started from this world."""
    world = os.readlink("/proc/self/ns/mnt")
    while pid >= 1:
        with contextlib.suppress(OSError):
            if os.readlink("/proc/%d/ns/mnt" % pid) == world:
                return True
        stat = read("/proc/%d/stat" % pid)
        if not stat:
            return False
        pid = int(stat.rsplit(")", 1)[1].split()[1])
    return False


def pids():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def connections():
    """All numbers of FUSE connections but those of others on this machine."""
    return set(subprocess.run([ROOT + "/test/helpers/fuse-connections", "--of-descendants"], stdout=subprocess.PIPE, text=True,
                              check=True).stdout.split())


def staged():
    """What is mounted on the service's stage."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        stage = os.open("/run/linfsp/private/stage", os.O_RDONLY)
        proc = os.open("/proc/self", os.O_RDONLY)
        if ctypes.CDLL(None).setns(stage, 0) == 0:
            with open(os.open("mountinfo", os.O_RDONLY, dir_fd=proc)) as file:
                os.write(writing, "\n".join(line.split()[4] for line in file).encode()[:60000])
        os._exit(0)
    os.close(writing)
    with open(reading) as file:
        found = file.read().split()
    os.waitpid(child, 0)
    return sorted(found)


def holders(connection):
    """Who has descriptors of a FUSE connection, as far as the kernel tells."""
    found = []
    for pid in pids():
        for path in glob.glob("/proc/%d/fdinfo/*" % pid):
            if re.search(r"^fuse_connection:\s*%s$" % connection, read(path), re.M):
                found.append("%d (%s)" % (pid, read("/proc/%d/comm" % pid).strip()))
                break
    return found


def processes(name):
    """Pids of this world's processes of that name."""
    found = []
    for pid in pids():
        if read("/proc/%d/comm" % pid).strip() == name and ours(pid):
            found.append(pid)
    return found


def mounts(pid):
    """[mount point and type] of what is ours in a process's mount table."""
    found = []
    for line in read("/proc/%d/mountinfo" % pid).splitlines():
        left, _, right = line.partition(" - ")
        path, kind = left.split()[4], right.split()[0]
        if kind.split(".")[0] in ("fuse", "fuseblk") or re.match(r"/(unc|run/linfsp|dev/linfsp|mnt/[a-z])(/|$)", path):
            found.append(path + " " + kind)
    return sorted(found)


def journal(kind):
    return sorted(os.path.basename(path) for path in glob.glob("%s/%s-*" % (JOURNAL, kind)))
