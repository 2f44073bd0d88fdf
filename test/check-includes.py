#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Who includes whom. Run by `meson test includes`.

    folders  a folder of src/ includes only the folders that FOLDERS lists for it
    parts    service, worker and catcher are programs of their own: SHARED lists the headers that two of them share
    circles  no header includes itself through others
    tables   there is one reader of mount tables, util/mount-table.h
    proc     service, workers and catcher look for processes in a procfs of their own, util/proc.h
    fusectl  service opens the files of connections by util/fusectl.h alone
    clocks   what service, workers and catcher do does not depend on the time of day, which may be set back: it is shown, no more
    leaves   modules of the service that know neither silos nor volumes: they are told what to call
"""
import argparse
import pathlib
import re
import sys

FOLDERS = {
    "util": set(),
    "fuse": set(),
    "cage": {"util"},
    "wire": {"util"},
    "config": {"util", "wire"},
    "lib": {"fuse", "util", "wire"},
    "winfsp": {"lib", "util", "wire"},
    "worker": {"cage", "catcher", "fuse", "util", "wire"},
    "catcher": {"cage", "util"},
    "service": {"cage", "catcher", "config", "fuse", "util", "wire", "worker"},
    "load": {"util"},
    "cli": {"config", "fuse", "load", "util", "winfsp", "wire"},
    "runtime": {"util"},
    "fusermount": {"util", "wire"},
}
SHARED = {("service", "worker"): {"worker/job.h"},
          ("service", "catcher"): {"catcher/protocol.h", "catcher/keeper.h"},
          ("worker", "catcher"): {"catcher/protocol.h", "catcher/tool-names.h"}}
# Each may include itself and the others that are named for it.
LEAVES = {"worker": {"lane", "patience", "reaper"}, "patience": set(), "reaper": set(), "lane": set(), "unc": set(), "stage": set(),
          "dist": set(), "mount-options": set()}
# It makes the stage, at the first start after a boot: a mount, for which there must be a path.
PROC = {"stage.c"}
complaints = []


def includes(path):
    return re.findall(r'^#include "([^"]+)"', path.read_text(), re.M)


def check_folders(source, path):
    folder = path.relative_to(source).parts[0]
    for name in includes(path):
        other = name.split("/")[0]
        if other == folder or not (source / name).is_file():
            continue
        if other not in FOLDERS[folder]:
            complaints.append(f"{path}: src/{folder} does not include src/{other}")
        elif name not in SHARED.get((folder, other), {name}):
            complaints.append(f"{path}: {name} is src/{other}'s alone")


def check_tables(path):
    if "<mntent.h>" in path.read_text():
        complaints.append(f"{path}: util/mount-table.h reads mount tables")


def check_proc(source, path):
    folder = path.relative_to(source).parts[0]
    if folder in ("service", "worker", "catcher") and path.name not in PROC and '"/proc/' in path.read_text():
        complaints.append(f"{path}: util/proc.h opens what is in /proc")


def check_fusectl(source, path):
    if path.relative_to(source).parts[0] == "service" and re.search(r"(at|at2)\([\w>.-]*fusectl\b", path.read_text()):
        complaints.append(f"{path}: util/fusectl.h opens the files of connections")


def check_clocks(source, path):
    if path.relative_to(source).parts[0] not in ("service", "worker", "catcher"):
        return
    for line in path.read_text().splitlines():
        if re.search(r"clock_realtime_ns|CLOCK_REALTIME|gettimeofday|\btime\(", line) and not re.search(r"(since|time) = clock_realtime_ns\(\);", line):
            complaints.append(f"{path}: the time of day: {line.strip()}")


def find_circle(source, name, trail):
    if name in trail:
        complaints.append("a circle: " + " -> ".join(trail[trail.index(name):] + [name]))
    elif (source / name).is_file():
        for other in includes(source / name):
            find_circle(source, other, trail + [name])


def check_leaf(source, leaf, allowed):
    for path in (source / "service").glob(leaf + ".[ch]"):
        for name in includes(path):
            if name.startswith("service/") and pathlib.Path(name).stem not in allowed | {leaf}:
                complaints.append(f"{path}: {leaf} does not know {name}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--source", type=pathlib.Path, required=True)
    source = parser.parse_args().source / "src"
    files = [path for path in source.rglob("*.[ch]") if not path.name.startswith("test-")]
    for path in files:
        check_folders(source, path)
        check_tables(path)
        check_proc(source, path)
        check_fusectl(source, path)
        check_clocks(source, path)
        if path.suffix == ".h":
            find_circle(source, str(path.relative_to(source)), [])
    for leaf, allowed in LEAVES.items():
        check_leaf(source, leaf, allowed)
    print("\n".join(sorted(set(complaints))) or f"{len(files)} files")
    return 1 if complaints or len(files) < 100 else 0


if __name__ == "__main__":
    sys.exit(main())
