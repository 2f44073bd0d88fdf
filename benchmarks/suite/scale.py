# SPDX-License-Identifier: MIT
"""The service with few containers and with many: its memory, its descriptors, its CPU, what each operation takes, and how many
system calls it makes for that.

The containers are bubblewrap's and sleep, each with two disks (--volumes); with --shares the second is a network volume. Memory is of
linfspd and its workers, shared pages counted once (Pss). CPU is by the scheduler's own clock. Each operation is timed at each stage, and
traced apart: the number of system calls tells, whatever the machine does meanwhile, whether the service walks what it need not.

The service is idle if it uses no CPU of its own accord. Each program that starts on the machine wakes it: 0.2 ms for each are not counted.

Then 200 containers a minute come and go for 15 s (--churn SECONDS; --scale: five minutes). Every second one mounts a disk and is killed.
Silos, volumes, descriptors, folders, journal, mounts and memory are compared with what was there before.
"""
import contextlib
import json
import os
import pathlib
import resource
import shutil
import subprocess
import time

import figures
from machine import Silo, children, end_process, json_lines, process_tree, run

PREFIX = r"\bench\share"
STARTS_A_MINUTE = 200
TRACED = 10  # of each operation, while its system calls are counted


def memory(pids):
    """Resident bytes, and those counted by how many share them."""
    total = {"Rss": 0, "Pss": 0}
    for pid in pids:
        with contextlib.suppress(OSError):
            for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
                key, _, rest = line.partition(":")
                if key in total:
                    total[key] += int(rest.split()[0]) * 1024
    return {"rss_bytes": total["Rss"], "pss_bytes": total["Pss"]}


def descriptors(pids):
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            total += len(os.listdir(f"/proc/{pid}/fd"))
    return total


def cpu_ns(pids):
    """Time on a CPU so far: of those that live, and in ticks of children that have ended."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            total += int(pathlib.Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[0])
    return total


def ended_children_ns(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) * 10_000_000


def busy_ns(pid):
    return cpu_ns(process_tree(pid)) + ended_children_ns(pid)


def wakeups(pids):
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            for line in pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
                if line.startswith("voluntary_ctxt_switches"):
                    total += int(line.split()[1])
    return total


def forks():
    """Of the whole machine, so far."""
    with open("/proc/stat", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("processes"))


def idle(pid, seconds):
    """What others start meanwhile is not our doing, but wakes the service: their number is kept with the figure."""
    before, woken, forked = busy_ns(pid), wakeups(process_tree(pid)), forks()
    time.sleep(seconds)
    return {
        "seconds": seconds,
        "cpu_ms": (busy_ns(pid) - before) / 1e6,
        "wakeups": wakeups(process_tree(pid)) - woken,
        "forks_of_others": forks() - forked,
    }


def can_open(silo):
    """Whether that leads to the volume, seen by the silo's own root."""
    root = f"/proc/{silo.pid}/root/dev/linfsp/unc"
    with contextlib.suppress(OSError):
        return os.stat(f"{root}/bench/share/.").st_dev != os.stat(root).st_dev
    return False


def publish(silos):
    """One prefix: what it takes to make, and to undo; whether it can be opened in containers at once, and in none afterwards. Ten of
    them are asked: each that goes there has it mounted."""
    asked = silos[:: max(1, len(silos) // 10)]
    process = subprocess.Popen(
        silos[0].command("/bench/volume-create", f"--prefix={PREFIX}", "--hold"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        first = process.stdout.readline()
        if not first:
            raise RuntimeError("volume-create ended without having published")
        opened = sum(1 for silo in asked if can_open(silo))
        process.stdin.write("\n")
        process.stdin.close()
        line = json.loads(first + process.stdout.read())
    finally:
        end_process(process)
        process.stdout.close()
    left = sum(1 for silo in asked if can_open(silo))
    return {**line, "opened_in": opened / len(asked), "left_in": left / len(asked)}


def timed(command):
    begin = time.monotonic()
    run(*command)
    return (time.monotonic() - begin) * 1000


def one_injection(machine):
    silo = Silo(machine, "/bench/first")
    after = silo.first_line()["after_us"]
    silo.process.wait()
    silo.end()
    return after


def injections(machine, count):
    return figures.distribution([one_injection(machine) for _ in range(count)])


def operations(machine, silos, count):
    """What the service does for one container, while so many are there."""
    disk = json_lines(silos[0].run("/bench/volume-create", f"--count={count}", "Z:"))
    network = [publish(silos) for _ in range(max(2, count // 3))]
    result = {
        "devices_us": injections(machine, count),
        "volume_create_us": figures.distribution([line["create_us"] for line in disk]),
        "volume_destroy_us": figures.distribution([line["destroy_us"] for line in disk]),
        "publish_us": figures.distribution([line["create_us"] for line in network]),
        "unpublish_us": figures.distribution([line["destroy_us"] for line in network]),
        "opened_in_silos": min(line["opened_in"] for line in network),
        "left_in_silos": max(line["left_in"] for line in network),
        "status_ms": figures.distribution([timed([machine.linfsp, "status"]) for _ in range(count)]),
        "silos_ms": figures.distribution([timed([machine.linfsp, "silos", "--json"]) for _ in range(count)]),
    }
    return result


class Trace:
    """Counts the system calls of the service and of its workers, those that it starts meanwhile as well."""

    def __init__(self, machine, pid):
        self.path = machine.folder / "strace"
        pids = [word for each in process_tree(pid) for word in ("-p", str(each))]
        self.process = subprocess.Popen(
            ["strace", "-f", "-qq", "-c", "-U", "calls,name", "-o", self.path, *pids],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        time.sleep(0.3)  # it says nowhere that it has begun

    def end(self):
        end_process(self.process)
        self.process.stderr.close()
        rows = [line.split() for line in self.path.read_text(encoding="ascii").splitlines()]
        return sum(int(row[0]) for row in rows if len(row) == 2 and row[0].isdigit() and row[1] != "total")


def system_calls(machine, silos, pid):
    """Of the service, for one operation of each kind. Workers that enter user namespaces are forked anew, so that it is no whole
    number."""
    if not shutil.which("strace"):
        machine.skipped["system calls of an operation"] = "strace is not installed"
        return None
    kinds = {
        "devices": lambda: [one_injection(machine) for _ in range(TRACED)],
        "volume": lambda: silos[0].run("/bench/volume-create", f"--count={TRACED}", "Z:"),
        "publish": lambda: silos[0].run("/bench/volume-create", f"--count={TRACED}", f"--prefix={PREFIX}"),
    }
    found = {}
    for name, perform in kinds.items():
        trace = Trace(machine, pid)
        perform()
        time.sleep(0.1)  # for what is cleared away afterwards
        found[name] = trace.end() / TRACED
    return found


def hold(silo, *command):
    """For as long as the container lives; nsenter's child is in it, and goes with it."""
    process = subprocess.Popen(
        silo.command("/bench/volume-create", "--hold", *command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    silo.holders.append(process)
    if not process.stdout.readline():
        raise RuntimeError(f"a container did not get its volume {command}")


def hold_volumes(silo, number, plan):
    """A disk and network volumes, or disks alone."""
    for index in range(plan.volumes):
        if index % 2 and plan.shares:
            hold(silo, rf"--prefix=\silos\{number}-{index}")
        else:
            hold(silo, f"{'DEFGHIJK'[index]}:")


def one_with_volume(machine):
    """Its entry point mounts a disk, and is killed while that is there."""
    silo = Silo(machine, "/bench/volume-create", "--hold", "Z:")
    line = silo.process.stdout.readline()
    silo.process.kill()
    silo.end()
    if not line:
        raise RuntimeError("a container that came and went did not get its volume")


def traces(machine, pid):
    """All that a container might leave behind. Descriptors are the service's own, without a socket to each of
    its workers: there may be one of them more or less at any time."""
    pids = process_tree(pid)
    return {
        "silos": machine.service.status()["silos"],
        "volumes": machine.service.status()["volumes"],
        "descriptors": descriptors([pid]) - len(children(pid)),
        "folders": len(os.listdir("/run/linfsp/silos")),
        "journal": len(os.listdir("/run/linfsp/journal")),
        "mounts": len(pathlib.Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()),
        "pss_bytes": memory(pids)["pss_bytes"],
    }


def come_and_go(machine, pid, seconds):
    """Containers that start and end, STARTS_A_MINUTE, beside those that stay: one that looks for its devices and ends, one that
    mounts a disk and is killed, in turns."""
    before, had, values, started = busy_ns(pid), traces(machine, pid), [], 0
    begin = time.monotonic()
    while time.monotonic() < begin + seconds:
        if started % 2:
            one_with_volume(machine)
        else:
            values.append(one_injection(machine))
        started += 1
        time.sleep(max(0.0, begin + started * 60 / STARTS_A_MINUTE - time.monotonic()))
    a_minute, cpu = started * 60 / (time.monotonic() - begin), busy_ns(pid) - before
    time.sleep(1)  # for what is cleared away afterwards
    left = traces(machine, pid)
    return {
        "containers": started,
        "seconds": seconds,
        "a_minute": a_minute,
        "devices_us": figures.distribution(values),
        "cpu_ms_each": cpu / 1e6 / started,
        "left": {name: left[name] - count for name, count in had.items()},
    }


def grow(machine, silos, wanted, pid, plan):
    """Starts containers until so many are there; returns what that cost the service for each."""
    before, begin, had = busy_ns(pid), time.monotonic(), len(silos)
    while len(silos) < wanted:
        silo = Silo(machine, "/bench/first", "--stay")
        silos.append(silo)
        if not silo.first_line()["there"]:
            raise RuntimeError(f"container {len(silos)} did not get its devices")
        hold_volumes(silo, len(silos), plan)
    started = len(silos) - had
    return {
        "started": started,
        "cpu_ms_each": (busy_ns(pid) - before) / 1e6 / started,
        "wall_ms_each": (time.monotonic() - begin) * 1000 / started,
    }


def measure(machine, plan, say):
    machine.service.start()
    pid = machine.service.status()["pid"]
    silos, stages = [], []
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # each container takes a few descriptors here
    try:
        for wanted in plan.stages:
            say(f"the service with {wanted} containers")
            growth = grow(machine, silos, wanted, pid, plan)
            stage = {"silos": len(silos), "growth": growth, "operations": operations(machine, silos, plan.repeats)}
            stage["system_calls"] = system_calls(machine, silos, pid)
            stage["service_says"] = machine.service.status()["silos"]
            say(f"the service with {wanted} containers, idle for {plan.idle} s")
            stage["idle"] = idle(pid, plan.idle)
            stage["memory"] = memory(process_tree(pid))
            stage["descriptors"] = descriptors(process_tree(pid))
            stages.append(stage)
        say(f"{STARTS_A_MINUTE} containers a minute come and go")
        churn = come_and_go(machine, pid, plan.churn)
    finally:
        for silo in silos:
            silo.process.terminate()
        for silo in silos:
            silo.end()
    return {"stages": stages, "volumes_each": plan.volumes, "shares": plan.shares, "come_and_go": churn}
