# SPDX-License-Identifier: MIT
"""One file system in several ways, side by side on the host: over io_uring or not, with a measure or without it, folders
passed through by several programs, written against WinFsp's API or not.

io_uring: on the host, as Docker's seccomp profile refuses it. Debian's libfuse has no io_uring, so the budget is 1.1 times what libfuse
3.19's memfs_ll gained over its own loop on /dev/fuse. /sys/module/fuse/parameters/enable_uring is turned on, and back. A round trip is
compared with servers that do nothing: on liblinfsp (`volume-create --serve`), and without any library (`mount-peer --serve`).

round-trips: what the kernel remembers is never out of date (test/e2e/coherence.bats). Collected writes are measured, and not done
(docs/adr/0021).

winfsp: the budget is 15 % on metadata, 5 % on data of 1 MiB, 30 % for the same sources as a Windows program in Wine. CPU is the time that
server and client had for a step, the mean of the least quarter of the rounds: it repeats better than rates. Metadata is asked each time
(-t 0). Volumes for data (-data) remember attributes for a second, or WinFsp's API is asked for the size before each read. memfs answers a
read from where its data is; WinFsp's Read has to copy, so 1 MiB is also compared with memfs-copying (LINFSP_WITHOUT=answers-in-place).
Many short rounds tell more than few long ones: --rounds 24 --seconds 0.1. Starts of the Windows program are timed in a new prefix (cold)
and in one that is kept.
"""
import contextlib
import os
import pathlib
import shutil
import subprocess
import tempfile
import time
import typing

import data
import figures
from machine import Missing, end_process, process_tree, run, wait_until

ENABLE = pathlib.Path("/sys/module/fuse/parameters/enable_uring")
UNLIMITED = ["-F", "BENCH", "-n", "-1", "-s", "-1"]


class Host:
    """Stands where data.Target has a container."""

    @staticmethod
    def command(*command):
        return [str(word) for word in command]


def is_mounted(folder):
    with open("/proc/self/mounts", encoding="utf-8") as mounts:
        return any(line.split()[1] == str(folder) for line in mounts)


class Variant(data.Target):
    """A program that serves a folder for as long as the stack lives."""

    def __init__(self, name, folder, program, environment=None, load=None):
        super().__init__(name, Host, folder)
        self.program, self.environment, self.load = program, environment or {}, load

    patience = 10  # seconds until it is mounted

    def start(self, stack):
        if self.program:
            self.make_folder()
            server = subprocess.Popen(
                [str(word) for word in self.program],
                env={**os.environ, **self.environment},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                stdin=subprocess.DEVNULL,
            )
            stack.callback(run, "umount", "-l", self.folder, check=False)
            stack.callback(end_process, server)
            wait_until(lambda: is_mounted(self.folder) or server.poll() is not None, self.patience, self.name)
            if not is_mounted(self.folder):
                raise Missing(f"{self.name}: {server.stderr.read().strip()}")
            self.server = self.find_server(server.pid)
        self.agent = subprocess.Popen(
            [str(self.load), "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        stack.callback(end_process, self.agent)
        stack.callback(self.agent.stdin.close)


    def make_folder(self):
        self.folder.mkdir()

    def find_server(self, started):
        return started


def compare(plan, say, stack, title, variants, rows):
    """rows: (operation, threads, names of the variants, the first against the others)."""
    started, rounds = {}, (plan.rounds + 1) // 2
    for variant in variants:
        variant.start(stack)
        started[variant.name] = variant
    results = []
    for number in range(rounds):
        say(f"{title}, round {number + 1} of {rounds}")
        for index, (operation, threads, names) in enumerate(rows):
            if number == 0:
                results.append({name: [] for name in names})
            for target in data.order([started[name] for name in names], number, operation):
                results[index][target.name].append(target.measure(operation, threads, plan))
    found = []
    for (operation, threads, names), cells in zip(rows, results):
        targets = {name: data.cell_summary(cell) for name, cell in cells.items()}
        row = {"operation": operation, "threads": threads, "targets": targets, "ratios": {}}
        for other in names[1:]:
            if all("samples" in targets[name] for name in (names[0], other)):
                row["ratios"][other] = figures.ratio(targets[names[0]]["samples"], targets[other]["samples"])
                least = [figures.least(targets[name]["cpu_samples"]) for name in (other, names[0])]
                row.setdefault("cpu_ratios", {})[other] = least[0] / least[1] if least[1] else None
        found.append(row)
    return {"rows": found}


def memfs(machine, folder, name, *options, **environment):
    machine.need("memfs")
    place = folder / name
    program = [machine.inside["memfs"], *UNLIMITED, *options, "-m", place]
    return Variant(name, place, program, {"LINFSP_TRANSPORT": "dev", **environment}, machine.inside["load"])


def work_folder(machine, stack):
    """A tmpfs of its own."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="variants.", dir=machine.folder))
    run("mount", "-t", "tmpfs", "-o", "size=4g", "linfsp-bench", folder)
    stack.callback(run, "umount", "-l", folder, check=False)
    return folder


# ---- io_uring ----------------------------------------------------------------------------------------------------


def allow_uring(stack):
    if not ENABLE.exists():
        raise Missing("this kernel has no FUSE over io_uring")
    before = ENABLE.read_text(encoding="ascii")
    ENABLE.write_text("Y", encoding="ascii")
    stack.callback(ENABLE.write_text, before, encoding="ascii")


def measure_uring(machine, plan, say):
    machine.service.start()
    with contextlib.ExitStack() as stack:
        allow_uring(stack)
        folder = work_folder(machine, stack)
        names = ["io_uring", "dev"]
        variants = [memfs(machine, folder, name, "-t", "0", LINFSP_TRANSPORT=name) for name in names]
        operations = data.METADATA + ["read-4k-direct", "write-4k-direct"]
        rows = [(operation, threads, names) for operation in operations for threads in plan.threads]
        found = compare(plan, say, stack, "io_uring", variants, rows)
        variants += [null_server(machine, folder, f"null, {name}", LINFSP_TRANSPORT=name) for name in names]
        variants.append(root_server(machine, folder, "null, root's own"))
        return {**found, "null": compare_with_null(plan, say, variants)}


def null_server(machine, folder, name, **environment):
    """On our library, with nothing behind it."""
    place = folder / name.replace(", ", "-")
    return Variant(name, place, [machine.programs / "volume-create", "--serve", place], environment, machine.inside["load"])


def root_server(machine, folder, name):
    """The smallest loop there can be on /dev/fuse, of one thread, without a library."""
    place = folder / "null-root"
    return Variant(name, place, [machine.programs / "mount-peer", "--serve", place], load=machine.inside["load"])


def compare_with_null(plan, say, variants):
    """A round trip to memfs, and to servers that do nothing: variants are memfs over io_uring, memfs over /dev/fuse, then those."""
    with contextlib.ExitStack() as stack:
        names = [variant.name for variant in variants]
        rows = [("fstat-root", threads, names) for threads in plan.threads]
        for variant in variants[:2]:
            variant.program = None  # it runs
        return compare(plan, say, stack, "null servers", variants, rows)["rows"]


# ---- fewer round trips -------------------------------------------------------------------------------------------

PLENTY = ["-t", "1000"]  # ms


class Measure(typing.NamedTuple):
    """One by itself: the operation that shows it, with it, and without it."""

    title: str
    operation: str
    options: list
    other: list
    without: str = ""  # LINFSP_WITHOUT, of the other
    threads: int = 1
    both_without: str = ""
    with_: str = ""  # LINFSP_WITH, of the first


MEASURES = [
    Measure("names and attributes are remembered", "stat", PLENTY, ["-t", "0"]),
    Measure("attributes are remembered", "fstat", PLENTY, ["-t", "0"]),
    Measure("that a name is absent is remembered", "stat-absent", PLENTY, PLENTY, "negative-entries"),
    Measure("symbolic links are remembered", "readlink", PLENTY, PLENTY, "cached-symlinks"),
    Measure("a folder's attributes come with its names", "list", ["-t", "10"], ["-t", "10"], "readdirplus"),
    Measure("  and are still remembered", "list", PLENTY, PLENTY, "readdirplus"),
    Measure("files need no opening", "open", ["-t", "-1"], ["-t", "-1"], "no-open"),
    Measure("two look into one folder side by side", "stat-shared", ["-t", "0"], ["-t", "0"], "parallel-directory", 2),
    Measure("two write to one file side by side", "write-4k-shared", PLENTY, PLENTY, "parallel-writes", 2),
    Measure("writes need not ask for capabilities", "write-4k-direct", PLENTY, PLENTY, "killpriv"),
    Measure("pages are kept from one opening to the next", "reread-1m", ["-t", "-1"], ["-t", "-1"], "no-open,kept-pages", 1, "no-open"),
    Measure("requests of 1 MiB, not of 128 KiB", "read-1m-direct", PLENTY, PLENTY, "large-requests"),
    Measure("  the same", "write-1m-direct", PLENTY, PLENTY, "large-requests"),
    Measure("128 requests in the background, not 12", "read-4k-deep", PLENTY, PLENTY, "background"),
    Measure("  the same", "write-4k-deep", PLENTY, PLENTY, "background"),
    Measure("the kernel reads and writes by itself", "read-4k-direct", [*PLENTY, "--pass-through=0"], PLENTY),
    Measure("writes are collected (memfs does not)", "write-4k", PLENTY, PLENTY, with_="writeback"),
]


def measure_round_trips(machine, plan, say):
    machine.service.start()
    with contextlib.ExitStack() as stack:
        folder = work_folder(machine, stack)
        variants, rows = [], []
        for number, measure in enumerate(MEASURES):
            names = [f"with{number}", f"without{number}"]
            first = {"LINFSP_WITHOUT": measure.both_without, "LINFSP_WITH": measure.with_}
            variants.append(memfs(machine, folder, names[0], *measure.options, **first))
            variants.append(memfs(machine, folder, names[1], *measure.other, LINFSP_WITHOUT=measure.without))
            rows.append((measure.operation, measure.threads, names))
        result = compare(plan, say, stack, "round trips", variants, rows)
    for measure, row in zip(MEASURES, result["rows"]):
        row["title"] = measure.title
        row["targets"] = dict(zip(("with", "without"), row["targets"].values()))
        for ratios in ("ratios", "cpu_ratios"):
            row[ratios] = {"without": value for value in row.get(ratios, {}).values()}
    return result


# ---- WinFsp's API ------------------------------------------------------------------------------------------------

LARGE = ["-n", "1000000", "-s", "1073741824"]
STARTS = 5  # a cold one takes seconds
LARGE_DATA = ["read-1m-direct", "write-1m-direct"]


WINDOWS_PROGRAM = "memfs-x64.exe"
DRIVE = ("W:", pathlib.Path("/mnt/w"))  # for the program in Wine, which is given a letter
DATA_DRIVE = ("V:", pathlib.Path("/mnt/v"))


class Wine(Variant):
    """A Windows program, in Wine."""

    patience = 60

    def make_folder(self):
        pass

    def find_server(self, started):
        """Of what `linfsp wine` has started, the Windows program."""
        for pid in process_tree(started):
            with contextlib.suppress(OSError):
                if pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].endswith(WINDOWS_PROGRAM.encode()):
                    return pid
        raise RuntimeError(f"{WINDOWS_PROGRAM} is not to be found")


def compile_for_windows(machine):
    """winmemfs by mingw-w64; None where this machine or build cannot."""
    tools = ["/usr/lib/wine/wine64", shutil.which("x86_64-w64-mingw32-gcc"), machine.stage / "lib/linfsp/lib/winfsp-x64.dll"]
    if not all(tool and pathlib.Path(tool).exists() for tool in tools):
        return None
    program = machine.folder / WINDOWS_PROGRAM
    root = pathlib.Path(__file__).resolve().parents[2]
    run(root / "examples/wine/cc", "-o", program, *sorted((root / "fs/winmemfs").glob("*.c")))
    return program


def seconds_to_first_stat(command, folder):
    """From the start of a file system to the first stat of its root."""
    begin = time.monotonic()
    with subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            while not is_mounted(folder):
                if server.poll() is not None or time.monotonic() > begin + 60:
                    raise Missing(f"{command[0]} mounts nothing")
                time.sleep(0.002)
            os.stat(folder)
            return time.monotonic() - begin
        finally:
            end_process(server, 20)
            wait_until(lambda: not is_mounted(folder), 20, f"the end of {folder}")


def measure_starts(machine, plan, say, program, native):
    """How long a Windows file system takes to its first stat: in a prefix that is made for it, and in one that is kept; memfs and
    winmemfs beside it."""
    letter, folder = DRIVE
    options = ["-F", "BENCH", "-m", letter]
    commands = {"memfs": [machine.inside["memfs"], *options], "winmemfs": [native, *options]}
    if program:
        kept = machine.folder / "prefix"
        commands["in Wine, cold"] = [machine.linfsp, "wine", program, *options]
        commands["in Wine, warm"] = [machine.linfsp, "wine", "--prefix", kept, program, *options]
        seconds_to_first_stat(commands["in Wine, warm"], folder)  # makes the prefix
    found = {name: [] for name in commands}
    rounds = min(plan.rounds, STARTS)
    for number in range(rounds):
        say(f"winfsp, starts, round {number + 1} of {rounds}")
        for name, command in commands.items():
            found[name].append(seconds_to_first_stat(command, folder) * 1e6)
    return {name: figures.distribution(samples) for name, samples in found.items()}


def winfsp_rows(plan, programs):
    """Metadata asks each time. Data goes to volumes whose attributes are remembered for a second, WinFsp's default: without that a file
    system of WinFsp's API is asked for the size before each read, as its files may change by themselves, and memfs is not. memfs answers
    a read without a copy, so it is also compared with itself made to copy."""
    for program in programs:
        for operation in [*data.METADATA, "list"]:
            yield operation, [program, "memfs"]
        for operation in LARGE_DATA:
            yield operation, [f"{program}-data", "memfs-data", "memfs-copying"]


def winfsp_targets(machine, folder, native, program):
    dev, load = {"LINFSP_TRANSPORT": "dev"}, machine.inside["load"]
    targets = [
        memfs(machine, folder, "memfs", "-t", "0"),
        memfs(machine, folder, "memfs-data", "-t", "1000"),
        memfs(machine, folder, "memfs-copying", "-t", "1000", LINFSP_WITHOUT="answers-in-place"),
    ]
    for name, milliseconds in (("winmemfs", "0"), ("winmemfs-data", "1000")):
        place = folder / name
        targets.append(Variant(name, place, [native, *LARGE, "-t", milliseconds, "-m", place], dev, load))
    if program:
        for name, milliseconds, (letter, mounted) in (("wine", "0", DRIVE), ("wine-data", "1000", DATA_DRIVE)):
            command = [machine.linfsp, "wine", program, *LARGE, "-t", milliseconds, "-m", letter]
            targets.append(Wine(name, mounted, command, dev, load))
    return targets


def measure_winfsp(machine, plan, say):
    """The layer over liblinfsp: a memfs written against WinFsp's API, as a Linux program and as a Windows program in Wine, and memfs."""
    native = machine.build / "fs/winmemfs/winmemfs"
    if not native.exists():
        raise Missing("winmemfs was not built")
    program = compile_for_windows(machine)
    machine.service.start()
    with contextlib.ExitStack() as stack:
        folder = work_folder(machine, stack)
        wanted = winfsp_rows(plan, ["winmemfs", "wine"] if program else ["winmemfs"])
        rows = [(operation, threads, names) for operation, names in wanted if operation in plan.operations for threads in plan.threads]
        used = {name for _, _, names in rows for name in names}
        targets = [target for target in winfsp_targets(machine, folder, native, program) if target.name in used]
        found = compare(plan, say, stack, "winfsp", targets, rows)
    found["starts"] = measure_starts(machine, plan, say, program, native)
    return found


# ---- folders passed through --------------------------------------------------------------------------------------


def folder_programs(machine, source):
    """The options that make each ask its folder for every operation."""
    ptfs = machine.stage / "bin/ptfs"
    found = {}
    if ptfs.exists():
        found["ptfs"] = [ptfs, "-p", source, "-t", "0", "-m"]
        found["ptfs, reads itself"] = [ptfs, "-p", source, "-t", "0", "--no-pass-through", "-m"]
    if "passthrough_ll" in machine.inside:
        options = f"clone_fd,source={source},timeout=0,default_permissions"
        found["passthrough_ll"] = [machine.inside["passthrough_ll"], "-f", "-o", options]
    if shutil.which("bindfs"):
        found["bindfs"] = ["bindfs", "-f", "-o", "attr_timeout=0,entry_timeout=0", source]
    return found


def measure_folders(machine, plan, say):
    machine.service.start()
    with contextlib.ExitStack() as stack:
        folder = work_folder(machine, stack)
        source = folder / "source"
        source.mkdir()
        load = machine.inside["load"]
        programs = folder_programs(machine, source)
        variants = [
            Variant(name, folder / str(number), [*program, folder / str(number)], load=load)
            for number, (name, program) in enumerate(programs.items())
        ]
        variants.append(Variant("tmpfs", source, None, load=load))
        names = [variant.name for variant in variants]
        operations = ["stat", "open", "create", "list", *data.DIRECT]
        rows = [(operation, threads, names) for operation in operations for threads in plan.threads]
        return compare(plan, say, stack, "folders", variants, rows)
