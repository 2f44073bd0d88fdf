# SPDX-License-Identifier: MIT
"""A mount from inside a container against root's on the host: of the program as a whole, and of the mount alone.

"mount alone" is linfsp_volume_create in a container against fsopen, fsconfig, fsmount, move_mount by root. The service's part has the
kernel's FUSE_INIT in it, root's has not; "to the first stat" has FUSE_INIT in both. The program's start compares memfs with root's
smallest possible server, both from posix_spawn on.
"""
import contextlib

import figures
from machine import Container, Silo, json_lines, run

COUNT = 5  # each time; the two take turns


def host_folder(machine, stack):
    folder = machine.folder / "mount"
    folder.mkdir(exist_ok=True)
    stack.callback(folder.rmdir)
    return folder


def contestants(machine, container, folder):
    """Pairs of a name and what runs COUNT of it: those in the container have the service make their mounts."""
    count = f"--count={COUNT}"
    found = {
        "root on the host": lambda: run(machine.programs / "mount-peer", count, folder),
        "volume in a container": lambda: container.run("/bench/volume-create", count, "Z:"),
        "root's program on the host": lambda: run(
            machine.programs / "mount-time", count, folder, machine.programs / "mount-peer", "--serve", folder
        ),
    }
    if "memfs" in machine.inside:
        found["memfs in a container"] = lambda: container.run(
            "/bench/mount-time", count, "/mnt/z", "/bench/memfs", "-F", "NTFS", "-m", "Z:"
        )
        found["memfs on the host"] = lambda: run(
            machine.programs / "mount-time", count, folder, machine.inside["memfs"], "-F", "NTFS", "-m", folder
        )
    if "peer-memfs-ll" in machine.inside:
        found["libfuse on the host"] = lambda: run(
            machine.programs / "mount-time", count, folder, machine.inside["peer-memfs-ll"], "-f", folder
        )
    return found


def measure(machine, plan, say):
    machine.service.start()
    samples = {}
    with contextlib.ExitStack() as stack:
        folder = host_folder(machine, stack)
        if machine.docker:
            container = stack.enter_context(Container(machine))
        else:
            container = Silo(machine, "/bench/first", "--stay")
            stack.callback(container.end)
            container.first_line()
        runs = contestants(machine, container, folder)
        for number in range(plan.mounts):
            say(f"mounts, round {number + 1} of {plan.mounts}")
            for name, contestant in runs.items():
                for line in json_lines(contestant()):
                    for key, value in line.items():
                        samples.setdefault(name, {}).setdefault(key, []).append(value)
    result = {"container": "docker" if machine.docker else "bubblewrap"}
    for name, keys in samples.items():
        result[name] = {key: figures.distribution(values) for key, values in keys.items()}
    result["ratios"] = {}
    add_ratio(result, samples, "mount alone", "volume in a container", "root on the host", "create_us")
    add_ratio(result, samples, "mount to first stat", "volume in a container", "root on the host", "first_stat_us")
    add_ratio(
        result,
        samples,
        "program's start to first stat",
        "memfs in a container",
        "root's program on the host",
        "mounted_us",
    )
    return result


def add_ratio(result, samples, name, ours, theirs, key):
    if ours in samples and theirs in samples:
        result["ratios"][name] = figures.ratio_of_medians(samples[ours][key], samples[theirs][key])
