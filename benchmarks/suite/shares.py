# SPDX-License-Identifier: MIT
"""Network volumes: what it takes to publish one and to go there, with few containers and shares and with many; and whether who goes
somewhere for the first time is delayed by others who misbehave.

A volume is published and ended with 10 containers and with 1,000, with one volume there and with 10,000, as far as the limit of descriptors
allows: the service needs two for each. Then each container opens ten, and keeps them; mounts are counted in all mount tables. "First
access" is open(2) with O_PATH of a share that the container never went to; the first in each container has its server's folder made, too.
"A later one" is the same again. The server is asked nothing.

The programs run with the service's own real-time priority, so that others who keep the CPUs are not measured. Containers that misbehave
take turns with controls: nobody, a busy loop in a container, and mounts and unmounts by root without LinFsp.
"""
import contextlib
import json
import os
import pathlib
import resource
import signal
import subprocess
import time

import figures
from machine import Silo, end_process, json_lines, process_tree, run, wait_until
from scale import descriptors, memory

PREFIX = r"\bench\share"
PER_SERVER = 900  # network volumes of one container; it may have 1,000 (max_volumes_per_silo)
DESCRIPTORS_A_SHARE = 2  # of the service
RESERVE = 2000  # descriptors for all else
OPENED_BY_EACH = 10
FEW = 10
UNC = "/dev/linfsp/unc"
UNC_COMES = 180  # seconds, for a thousand containers on a busy machine
URGENT = ["chrt", "--fifo", "1"]  # as the service is: what is measured is not how long others keep the CPUs


class Program:
    """One that stays in a container and says what it did in lines of JSON."""

    def __init__(self, silo, *command, urgent=False):
        self.process = subprocess.Popen(
            [*(URGENT if urgent else []), *silo.command(*command)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def line(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{' '.join(self.process.args)} ended")
        return json.loads(line)

    def end(self):
        """Its last line, where it has one."""
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        line = self.process.stdout.readline()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(120)
        end_process(self.process)
        self.process.stdout.close()
        return json.loads(line) if line else None


    def kill(self):
        """It has no time to say anything."""
        for pid in reversed(process_tree(self.process.pid)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def publish(silo, count):
    command = silo.command("/bench/volume-create", f"--count={count}", f"--prefix={PREFIX}", "--unseen")
    lines = json_lines(run(*URGENT, *command, timeout=120))
    return {
        "publish_us": figures.distribution([line["create_us"] for line in lines]),
        "end_us": figures.distribution([line["destroy_us"] for line in lines]),
    }


def serve(silos, count):
    """Starts servers of \\many-N\\share-0 and so on, PER_SERVER of them in each container."""
    servers = []
    for number in range(0, count, PER_SERVER):
        each = min(PER_SERVER, count - number)
        servers.append(Program(silos[len(servers)], "/bench/shares", rf"\many-{len(servers)}\share-", each))
    for server in servers:
        server.line()
    return servers


def end_servers(servers):
    while servers:
        servers.pop().end()


def accesses(silo, server, first, count, *more):
    """Goes to so many shares; returns the program, which keeps them open, and what it told."""
    program = Program(silo, "/bench/accesses", f"{UNC}/many-{server}/share-", first, count, *more, urgent=True)
    return program, [program.line() for _ in range(count)]


def summary(lines):
    return {
        "first_us": figures.distribution([line["first_us"] for line in lines]),
        "later_us": figures.distribution([line["later_us"] for line in lines]),
    }


def mounts_of(silo):
    """Network volumes that are mounted there."""
    table = pathlib.Path(f"/proc/{silo.pid}/mountinfo").read_text(encoding="utf-8")
    return sum(1 for line in table.splitlines() if " - fuse.bench " in line)


def first_accesses(machine, count):
    """Of a container that has been nowhere yet."""
    silo = Silo(machine, "/bench/first", "--stay")
    silo.first_line()
    program, lines = accesses(silo, 0, 0, count)
    program.end()
    silo.end()
    return lines


# ---- containers that misbehave ----------------------------------------------------------------------------------


@contextlib.contextmanager
def nobody(_machine):
    yield


@contextlib.contextmanager
def shell(machine, script):
    silo = Silo(machine, "/bench/first", "--stay")
    silo.first_line()
    process = subprocess.Popen(
        silo.command("/bench/busybox", "sh", "-c", script), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.kill()
        silo.end()
        process.wait()


def busy_loop(machine):
    """A control: the CPU's time that a container takes without LinFsp."""
    return shell(machine, "while :; do :; done")


@contextlib.contextmanager
def mounts_by_root(machine):
    """The other control: what claims come down to, done by root's own program without LinFsp."""
    folder = machine.folder / "mounts"
    folder.mkdir(exist_ok=True)
    program = [machine.inside["mount-peer"], "--count=1000000", folder]
    process = subprocess.Popen([*URGENT, "unshare", "--mount", *map(str, program)], stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def absent_names(machine):
    return shell(machine, f"i=0; while :; do i=$((i+1)); [ -e {UNC}/many-0/nothing-$i ]; done")


def claims(machine):
    return shell(machine, "while :; do /bench/volume-create --count=10000 --unseen '--prefix=\\abuse\\share'; done")


def races(machine):
    return shell(
        machine,
        "(while :; do /bench/volume-create --count=10000 --unseen '--prefix=\\race\\share'; done) & "
        f"while :; do [ -e {UNC}/race/share/x ]; done",
    )


@contextlib.contextmanager
def hung_server(machine):
    """Sixty programs wait at a share whose server is stopped."""
    silo = Silo(machine, "/bench/first", "--stay")
    silo.first_line()
    hung = Program(silo, "/bench/shares", r"\hung\share-", 1)
    hung.line()
    for pid in process_tree(hung.process.pid):
        os.kill(pid, signal.SIGSTOP)
    waiting = [
        subprocess.Popen(silo.command("/bench/busybox", "ls", f"{UNC}/hung/share-0/x"), stderr=subprocess.DEVNULL)
        for _ in range(60)
    ]
    try:
        yield
    finally:
        hung.kill()
        for process in waiting:
            end_process(process)
        silo.end()


def killed_walkers(machine):
    return shell(machine, f"i=0; while :; do i=$((i+1)); /bench/busybox timeout -s KILL 0.01 /bench/busybox ls {UNC}/many-0/share-$i/; done")


CONTROLS = {"nobody": nobody, "a busy loop": busy_loop, "root's own mounts": mounts_by_root}
ABUSES = {
    **CONTROLS,
    "names that are not there": absent_names,
    "claims and releases": claims,
    "walks that race with those": races,
    "a hung server, sixty who wait": hung_server,
    "walkers that are killed": killed_walkers,
}


def beside_abusers(machine, plan, say):
    """In turns, so that what changes on the machine changes all."""
    samples = {name: [] for name in ABUSES}
    for turn in range(plan.abuse_rounds):
        for name, abuse in ABUSES.items():
            say(f"first accesses beside {name}, round {turn + 1}")
            with abuse(machine):
                time.sleep(0.2)
                samples[name] += [line["first_us"] for line in first_accesses(machine, plan.first_accesses)]
    return {name: figures.distribution(values) for name, values in samples.items()}


# ---- stages -----------------------------------------------------------------------------------------------------


def published_beside(machine, silos, count, plan, say):
    """What it takes to publish a network volume beside so many, and the first accesses of two new containers."""
    service = machine.service.status()["pid"]
    say(f"publishing, with {len(silos)} containers and {count} network volumes")
    servers = serve(silos, count)
    try:
        result = {"shares": count, "silos": len(silos), **publish(silos[0], plan.publications)}
        result["memory"] = memory(process_tree(service))
        result["descriptors"] = descriptors(process_tree(service))
        if count < plan.first_accesses:
            end_servers(servers)
            servers = serve(silos, plan.first_accesses)
        result["access"] = summary([line for _ in range(2) for line in first_accesses(machine, plan.first_accesses)])
    finally:
        end_servers(servers)
    return result


def containers_with_unc(silos):
    return sum(" /unc ro," in pathlib.Path(f"/proc/{silo.pid}/mountinfo").read_text(encoding="utf-8") for silo in silos)


def claim_first(machine, silos, plan, say):
    """A machine without a network volume: its containers have no /unc. The first claim puts it into all of them; the second comes
    while that goes on, and the rest when all have it."""
    say(f"the first claim on a host with {len(silos)} containers")
    machine.service.stop()
    machine.service.start()
    wait_until(lambda: machine.service.status()["injections"] >= len(silos), UNC_COMES, "the service to know all containers")
    begin = time.monotonic()
    command = silos[0].command("/bench/volume-create", "--hold", r"--prefix=\first\share", "--unseen")
    holder = subprocess.Popen([*URGENT, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        first = json.loads(holder.stdout.readline().rstrip(", \n") + "}")
        second = publish(silos[0], 1)["publish_us"]
        wait_until(lambda: containers_with_unc(silos) == len(silos), UNC_COMES, "/unc in all containers")
        whole = time.monotonic() - begin
        further = publish(silos[0], plan.publications)["publish_us"]
    finally:
        holder.communicate("\n", timeout=30)
    return {
        "silos": len(silos),
        "first_us": first["create_us"],
        "second_us": second["max"],
        "all_seconds": whole,
        "further_us": further,
    }


def each_opens_ten(machine, silos, count, say):
    """All silos open ten of the shares each, and keep them; then all shares end."""
    servers, programs, lines = serve(silos, count), [], []
    service = machine.service.status()["pid"]
    try:
        say(f"{len(silos)} containers open {OPENED_BY_EACH} of {count} network volumes each")
        for number, silo in enumerate(silos):
            server = number % len(servers)
            served = min(PER_SERVER, count - server * PER_SERVER)
            program, told = accesses(silo, server, number * OPENED_BY_EACH % served, OPENED_BY_EACH, 1, served)
            programs.append(program)
            lines += told
        mounted = sum(mounts_of(silo) for silo in silos)
        result = {
            "silos": len(silos),
            "shares": count,
            "mounts": mounted,
            "wanted": len(silos) * OPENED_BY_EACH,
            "access": summary(lines),
            "publish": publish(silos[0], 30),
            "memory": memory(process_tree(service)),
            "descriptors": descriptors(process_tree(service)),
        }
    finally:
        begin = time.monotonic()
        for server in servers:
            server.kill()
        wait_until(lambda: machine.service.status()["volumes"] == 0, 120, "the network volumes to end")
        ended = time.monotonic() - begin
    result["end_seconds"] = ended
    result["left"] = sum(mounts_of(silo) for silo in silos)
    for program in programs:
        program.end()
    return result


def most_shares(plan):
    """As many as the service's limit of descriptors leaves room for."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return min(plan.many_shares, (limit - RESERVE) // DESCRIPTORS_A_SHARE)


def start_silos(machine, silos, wanted):
    while len(silos) < wanted:
        silo = Silo(machine, "/bench/first", "--stay")
        silos.append(silo)
        if not silo.first_line()["there"]:
            raise RuntimeError(f"container {len(silos)} did not get its devices")


def measure(machine, plan, say):
    machine.need("busybox")
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    machine.service.start()
    silos, results = [], {}
    try:
        start_silos(machine, silos, FEW)
        results["first_claims"] = [claim_first(machine, silos, plan, say)] if machine.service.ours else []
        results["one"] = published_beside(machine, silos, 1, plan, say)
        many = most_shares(plan)
        if many < plan.many_shares:
            machine.skipped[f"{plan.many_shares} network volumes"] = f"{limit} descriptors are enough for {many}"
        results["many_shares"] = published_beside(machine, silos, many, plan, say)
        servers = serve(silos, min(PER_SERVER, plan.first_accesses))
        results["abuse"] = beside_abusers(machine, plan, say)
        end_servers(servers)
        say(f"{plan.silos} containers")
        start_silos(machine, silos, plan.silos)
        if machine.service.ours:
            results["first_claims"].append(claim_first(machine, silos, plan, say))
        results["many_silos"] = published_beside(machine, silos, 1, plan, say)
        results["ten_each"] = each_opens_ten(machine, silos, plan.silos, say)
    finally:
        for silo in silos:
            silo.process.terminate()
        for silo in silos:
            silo.end()
    return results
