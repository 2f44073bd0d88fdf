# SPDX-License-Identifier: MIT
"""Everyday work (./bench --workloads): a tree is unpacked, searched, cloned, copied, built and removed, and a database filled, on
ptfs and memfs as they are by default, and on programs of others that show the same kind of folder, in the same rounds.

The others are libfuse's passthrough_ll by default and set as passthrough_hp is (everything is remembered for a day, writes are collected),
and bindfs. Figures are milliseconds, less is better; ratios are to the fastest of the others. What is asked again after more than a second
shows what it costs that ptfs looks whether its folder has changed.
"""
import contextlib
import os
import pathlib
import resource
import shutil
import subprocess
import time

from machine import Missing, end_process, run, wait_until
from variants import work_folder

# Name, what it does (in the volume's folder), what must be there.
STEPS = [
    ("untar", "mkdir tree && tar -C tree -xf {archive}", ["tar"]),
    ("find", "find tree -type f -newermt 2000-01-01 | wc -l", ["find"]),
    ("grep -r", "! grep -rI no-such-text-anywhere tree", ["grep"]),
    ("grep -r again", "! grep -rI no-such-text-anywhere tree", ["grep"]),
    ("git clone", "git clone -q --no-hardlinks {repository} clone", ["git"]),
    ("git status", "git -C clone status", ["git"]),
    ("git status later", "sleep 1.2; git -C clone status", ["git"]),
    ("cp -a", "cp -a tree copy", ["cp"]),
    ("build", "make -s -C {build} OUT=$PWD/out", ["make", "gcc"]),
    ("SQLite, one transaction", "sqlite3 one.db '{one}'", ["sqlite3"]),
    ("SQLite, 100 transactions", "sqlite3 many.db <{many}", ["sqlite3"]),
    ("a large file, written and read", "dd if=/dev/zero of=large bs=64k count=1600 && cat large large >/dev/null", ["dd"]),
    ("rm -rf", "rm -rf tree copy clone out large *.db", ["rm"]),
]
PAUSES = {"git status later": 1.2}
# What is done before a step, and not measured. git reads again each file that is as old as its index, in whole seconds: how many that
# are depends on the second in which the clone ended, and on nothing that is to be compared.
PREPARATIONS = {
    "git status": "find clone -name .git -prune -o -type f -exec touch -d '1 minute ago' {} + && git -C clone update-index -q --refresh"
}
ONE = (
    "create table t(a, b); begin; with recursive n(i) as (select 1 union all select i + 1 from n where i < 50000) "
    "insert into t select i, hex(i) from n; commit; select count(*), max(length(b)) from t;"
)


def make_material(folder, plan):
    """A tree like that of a program's source, as an archive and as a repository; something to build; statements."""
    source = folder / "source"
    source.mkdir()
    for directory in range(plan.tree // 20):
        place = source / f"part{directory % 10}" / f"d{directory}"
        place.mkdir(parents=True)
        for number in range(20):
            size = 200 + 1700 * ((directory * 7 + number * 13) % 23)
            (place / f"file{number}.c").write_text(f"/* {directory} {number} */\n" + "int x; /* some text */\n" * (size // 23))
    run("tar", "-C", source, "-cf", folder / "tree.tar", ".")
    if shutil.which("git"):
        identity = ["-c", "user.name=bench", "-c", "user.email=bench@localhost", "-c", "init.defaultBranch=main"]
        run("git", *identity, "init", "-q", source)
        run("git", *identity, "-C", source, "add", "-A")
        run("git", *identity, "-C", source, "commit", "-q", "-m", "all")
        run("git", "clone", "-q", "--bare", source, folder / "repository")
    shutil.rmtree(source)
    build = folder / "build"
    build.mkdir()
    for number in range(20):
        text = "".join(f"int f{number}_{i}(int a) {{ return a * {i}; }}\n" for i in range(200))
        (build / f"m{number}.c").write_text("#include <stdio.h>\n#include <stdlib.h>\n" + text)
    (build / "main.c").write_text("int main(void) { return 0; }\n")
    (build / "Makefile").write_text(
        "OBJECTS := $(patsubst %.c,$(OUT)/%.o,$(wildcard *.c))\n$(OUT)/program: $(OBJECTS)\n\tgcc -o $@ $^\n"
        "$(OUT)/%.o: %.c\n\t@mkdir -p $(OUT)\n\tgcc -c -o $@ $<\n"
    )
    (folder / "many.sql").write_text("create table t(a, b);\n" + "insert into t values(1, 2);\n" * 100)


def programs(machine, folder):
    """How each is started: the command, to which the mount point is added, for a folder that it shows (None: it has its own)."""
    found = {"ptfs": lambda back: [machine.stage / "bin/ptfs", "-p", back, "-m"]}
    found["memfs"] = lambda back: [machine.stage / "bin/memfs", "-n", "-1", "-s", "-1", "-m"]
    if "passthrough_ll" in machine.inside:
        common = "clone_fd,allow_other,default_permissions"
        found["passthrough_ll"] = lambda back: [machine.inside["passthrough_ll"], "-f", "-o", f"{common},source={back}"]
        # as passthrough_hp has it, which Debian does not ship: it serves extended attributes, everything is remembered, and writes are
        # collected
        lasting = f"{common},xattr,cache=always,writeback,timeout=86400"
        found["passthrough_ll, lasting"] = lambda back: [machine.inside["passthrough_ll"], "-f", "-o", f"{lasting},source={back}"]
    else:
        machine.skipped["workloads: passthrough_ll"] = machine.skipped.get("passthrough_ll", "not there")
    if shutil.which("passthrough_hp"):
        found["passthrough_hp"] = lambda back: ["passthrough_hp", "--foreground", back]
    if shutil.which("bindfs"):
        found["bindfs"] = lambda back: ["bindfs", "-f", back]
    else:
        machine.skipped["workloads: bindfs"] = "it is not installed"
    return found


@contextlib.contextmanager
def served(command, back, place):
    place.mkdir(exist_ok=True)
    back.mkdir(exist_ok=True)
    process = subprocess.Popen(
        [*map(str, command(back)), str(place)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: os.path.ismount(place) or process.poll() is not None, 10, f"{command(back)[0]}")
        yield
    finally:
        if os.path.ismount(place):
            run("umount", place, check=False)
        end_process(process)
        if os.path.ismount(place):
            run("umount", "-l", place, check=False)
        shutil.rmtree(back, ignore_errors=True)


def work(place, material):
    """Seconds of each step; a step that fails, as peers' do, has none."""
    took = {}

    def run_in_place(command):
        return subprocess.run(["bash", "-c", command], cwd=place, capture_output=True, check=False, timeout=600)

    for name, command, _ in STEPS:
        if name in PREPARATIONS:
            run_in_place(PREPARATIONS[name])
        begin = time.monotonic()
        done = run_in_place(command.format(**material))
        if done.returncode == 0:
            took[name] = time.monotonic() - begin - PAUSES.get(name, 0)
    return took


def median(values):
    ordered = sorted(values)
    return ordered[len(ordered) // 2] if ordered else None


def row_of(step, seconds):
    """ratios: of ours to the fastest of the others that could do it at all. More than 1: slower."""
    peers = [value for name, value in seconds.items() if name not in ("ptfs", "memfs", "tmpfs") and value]
    ratios = {name: seconds[name] / min(peers) for name in ("ptfs", "memfs") if peers and seconds.get(name)}
    return {"step": step, "seconds": seconds, "ratios": ratios}


def measure(machine, plan, say):
    needed = sorted({tool for _, _, tools in STEPS for tool in tools if not shutil.which(tool)})
    if needed:
        raise Missing(f"{', '.join(needed)}: not installed")
    machine.service.start()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # passthrough_ll holds a descriptor for each file
    with contextlib.ExitStack() as stack:
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        folder = pathlib.Path(work_folder(machine, stack))
        make_material(folder, plan)
        material = {
            "archive": folder / "tree.tar",
            "repository": folder / "repository",
            "build": folder / "build",
            "many": folder / "many.sql",
            "one": ONE,
        }
        every = programs(machine, folder)
        samples = {name: {step: [] for step, _, _ in STEPS} for name in [*every, "tmpfs"]}
        for number in range(plan.rounds):
            for name in samples:
                say(f"workloads: round {number + 1} of {plan.rounds}, {name}")
                place = folder / "volume"
                if name == "tmpfs":
                    place = folder / "plain"
                    place.mkdir(exist_ok=True)
                    took = work(place, material)
                else:
                    with served(every[name], folder / "back", place):
                        took = work(place, material)
                for step, seconds in took.items():
                    samples[name][step].append(seconds)
    rows = [row_of(step, {name: median(samples[name][step]) for name in samples}) for step, _, _ in STEPS]
    return {"rows": rows, "names": list(samples), "samples": samples}
