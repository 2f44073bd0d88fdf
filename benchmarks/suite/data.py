# SPDX-License-Identifier: MIT
"""Metadata and data operations: memfs in a stock container, tmpfs in the same one, libfuse in one that may mount.

Each client thread has a folder and a file of its own; readdir and list have one folder of 10,000 entries. create and open include the
close. stat is by path (a look-up and the attributes), fstat by descriptor. list is `ls -l`: a listing and a stat of each entry. What an
operation uses up is made, and what it leaves is removed, untimed.

read-1m, write-1m and read-mmap go through the page cache, in order, 64 MiB. The cache is dropped before each pass, so that FUSE reads come
from the server; tmpfs is the page cache, and has nothing to drop. -direct is O_DIRECT; 4k is at random places of 64 MiB; -deep has 32
requests under way.
"""
import contextlib
import json
import subprocess

import figures
from machine import Container, Missing, end_process, wait_until

METADATA = ["create", "stat", "fstat", "open", "rename", "unlink", "mkdir", "rmdir"]
LISTINGS = ["readdir", "list"]
DEEP = ["read-4k-deep", "write-4k-deep"]
DATA = ["read-4k-direct", "write-4k-direct", *DEEP, "read-1m", "write-1m", "read-1m-direct", "write-1m-direct", "read-mmap"]
DIRECT = ["read-4k-direct", "write-4k-direct", "read-1m-direct", "write-1m-direct"]
OPERATIONS = METADATA + LISTINGS + DATA
PRIVILEGED = ["--device", "/dev/fuse", "--cap-add", "SYS_ADMIN", "--security-opt", "apparmor=unconfined"]


class Target:
    """A folder to be measured, with the program that runs the load beside it. every: in each so-manieth round only.
    operations: those that it is good for, None: all."""

    def __init__(self, name, container, folder, every=1, operations=None):
        self.name, self.folder, self.every, self.operations = name, folder, every, operations
        self.container = container
        self.server = None  # the process whose time on a CPU is counted

    def start(self, stack):
        self.agent = subprocess.Popen(
            self.container.command("/bench/load", "--serve"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        stack.callback(end_process, self.agent)
        stack.callback(self.agent.stdin.close)

    def measure(self, operation, threads, plan):
        options = f"--threads={threads} --seconds={plan.seconds} --entries={plan.entries} {'--pin' if plan.pin else ''}"
        if self.server:
            options += f" --server={self.server}"
        self.agent.stdin.write(f"{options} {operation} {self.folder}\n")
        self.agent.stdin.flush()
        line = self.agent.stdout.readline()
        if not line:
            raise RuntimeError(f"the load in {self.name} ended at {operation}")
        return json.loads(line)


def mount(container, folder, *command):
    container.start(*command)
    wait_until(lambda: container.is_mounted(folder), 10, f"{command[0]} on {folder}")


def make_targets(machine, stack):
    """tmpfs and memfs share a container: any that `docker run` makes, but for the tmpfs to compare with."""
    stock = stack.enter_context(Container(machine, "--tmpfs", "/tmpfs:size=4g"))
    targets = [Target("tmpfs", stock, "/tmpfs")]
    if "memfs" in machine.inside:
        unlimited = ["-n", "-1", "-s", "-1"]
        mount(stock, "/mnt/z", "/bench/memfs", "-F", "BENCH", *unlimited, "-t", "0", "-m", "Z:")
        mount(stock, "/mnt/y", "/bench/memfs", "-i", "-F", "NTFS", *unlimited, "-m", "Y:")
        targets += [Target("memfs", stock, "/mnt/z"), Target("memfs-cached", stock, "/mnt/y", every=2)]
        mount(stock, "/mnt/x", "/bench/memfs", "-F", "PASS", *unlimited, "--pass-through=0", "-m", "X:")
        targets.append(Target("memfs-passed", stock, "/mnt/x", operations=DATA))
    if "peer-memfs-ll" in machine.inside:
        other = stack.enter_context(Container(machine, "--tmpfs", "/tmpfs:size=4g", *PRIVILEGED))
        mount(other, "/peer", "/bench/peer-memfs-ll", "--timeout=0", "-f", "-o", "default_permissions", "/peer")
        targets.append(Target("libfuse", other, "/peer"))
        if "passthrough_ll" in machine.inside:
            mount(
                other,
                "/pass",
                "/bench/passthrough_ll",
                "-f",
                "-o",
                "clone_fd,source=/tmpfs,timeout=0,default_permissions",
                "/pass",
            )
            targets.append(Target("passthrough_ll", other, "/pass", every=2))
    return targets


def order(targets, number, operation):
    """Another one begins in each round: who comes first finds the machine as the last one left it."""
    now = [target for target in targets if number % target.every == 0 and operation in (target.operations or [operation])]
    return now[number % len(now) :] + now[: number % len(now)]


def cell_summary(results):
    good = [result for result in results if "error" not in result]
    if not good:
        return {"error": results[0]["error"]} if results else None
    rates = [result["per_second"] for result in good]
    cell = figures.summary(rates)
    cell["samples"] = rates
    cell["bytes_per_second"] = figures.summary([result["bytes_per_second"] for result in good])["median"]
    for key in ("p50_us", "p99_us", "p999_us"):
        cell[key] = figures.summary([result[key] for result in good])["median"]
    cell["cpu_samples"] = [result["cpu_us"] + result["server_cpu_us"] for result in good]
    return cell


def measure(machine, plan, say):
    if not machine.docker:
        raise Missing(f"docker: {machine.skipped['docker']}")
    machine.service.start()
    results = {}
    with contextlib.ExitStack() as stack:
        targets = [target for target in make_targets(machine, stack) if not plan.targets or target.name in plan.targets]
        for target in targets:
            target.start(stack)
        for number in range(plan.rounds):
            say(f"operations, round {number + 1} of {plan.rounds}")
            for operation in plan.operations:
                for threads in plan.threads:
                    for target in order(targets, number, operation):
                        result = target.measure(operation, threads, plan)
                        results.setdefault((operation, threads), {}).setdefault(target.name, []).append(result)
    rows = []
    for (operation, threads), cells in results.items():
        rows.append(
            {
                "operation": operation,
                "threads": threads,
                "targets": {name: cell_summary(cell) for name, cell in cells.items()},
            }
        )
    add_ratios(rows)
    return {
        "targets": [target.name for target in targets],
        "seconds": plan.seconds,
        "rounds": plan.rounds,
        "pinned": plan.pin,
        "rows": rows,
    }


def add_ratios(rows):
    for row in rows:
        cells = row["targets"]
        row["ratios"] = {}
        for ours, theirs in [("memfs", "libfuse"), ("memfs", "tmpfs"), ("memfs-cached", "tmpfs"), ("memfs-passed", "tmpfs")]:
            pair = cells.get(ours), cells.get(theirs)
            if all(cell and "samples" in cell for cell in pair):
                ours_samples, theirs_samples = (cell["samples"] for cell in pair)
                if len(ours_samples) == len(theirs_samples):
                    value = figures.ratio(ours_samples, theirs_samples)
                else:
                    value = pair[0]["median"] / pair[1]["median"]
                row["ratios"][f"{ours}/{theirs}"] = value
