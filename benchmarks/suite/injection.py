# SPDX-License-Identifier: MIT
"""How soon a container has its devices, and what that costs its start.

`first` is the entry point of a container. Its clock starts with its first instruction; execve is measured apart and added where it
matters. A time may be 0.1 ms too long. With Docker's runc the devices are there before the entry point: 0, and the share of these is "at
once". bubblewrap's programs are seen at their exec, so the devices come after.

docker run takes turns in blocks of ten with and without the service (stopped, not suspended). The ratio is of neighbouring blocks, with a
bootstrapped 95 % interval. An interval that holds 1.01 cannot tell.
"""
import json
import time

import figures
from machine import IMAGE, LABEL, Missing, Silo, run

BLOCK = 10  # containers between two turns of the service


def exec_cost(machine):
    """From the call of execve to the first instruction: what `first` cannot see."""
    text = run(machine.programs / "first", "--exec-cost", "50")
    return figures.distribution([int(line) / 1000 for line in text.split()])


def first_seen(lines):
    """Microseconds after the first instruction; those that found nothing in five seconds are counted apart."""
    there = [line["after_us"] for line in lines if line["there"]]
    if not there:
        return {"n": 0, "never": len(lines)}
    return {
        **figures.distribution(there),
        "at_once": sum(1 for line in lines if line["there"] and line["looks"] == 1) / len(lines),
        "never": len(lines) - len(there),
        "samples": there,
    }


def bubblewrap(machine, count):
    lines = []
    for _ in range(count):
        silo = Silo(machine, "/bench/first")
        lines.append(silo.first_line())
        silo.process.wait()
        silo.end()
    return first_seen(lines)


def docker_start(machine, *options):
    begin = time.monotonic()
    text = machine.docker_run("run", "--rm", "--label", LABEL, "--network=none", IMAGE, "/bench/first", *options)
    return (time.monotonic() - begin) * 1000, json.loads(text)


def docker(machine, count, say):
    """Blocks with the service and without it take turns; the first start of a block does not count."""
    walls = {True: [], False: []}
    lines = []
    blocks = max(2, count // BLOCK)
    for number in range(blocks):
        say(f"docker run with and without the service, block {number + 1} of {blocks}")
        for with_service in (True, False) if number % 2 == 0 else (False, True):
            if with_service:
                machine.service.start()
            elif machine.service.ours:
                machine.service.stop()
            else:
                continue
            options = [] if with_service else ["--once"]
            docker_start(machine, *options)
            walls[with_service].append([])
            for _ in range(BLOCK):
                wall, line = docker_start(machine, *options)
                walls[with_service][-1].append(wall)
                if with_service:
                    lines.append(line)
    machine.service.start()
    return walls, lines


def measure(machine, plan, say):
    machine.service.start()
    result = {"execve_us": exec_cost(machine)}
    say("devices in bubblewrap containers")
    result["bubblewrap_us"] = bubblewrap(machine, plan.containers)
    try:
        walls, lines = docker(machine, plan.containers, say)
    except Missing as missing:
        machine.skipped["devices in docker containers"] = str(missing)
        return result
    result["docker_us"] = first_seen(lines)
    result["docker_run_ms"] = {"with": pooled(walls[True])}
    if walls[False]:
        result["docker_run_ms"]["without"] = pooled(walls[False])
        result["docker_run_ms"]["with/without"] = figures.ratio_of_blocks(walls[True], walls[False])
    else:
        machine.skipped["docker run without the service"] = "a service ran before this, and is left alone"
    return result


def pooled(blocks):
    return {**figures.distribution([wall for block in blocks for wall in block]), "blocks": blocks}
