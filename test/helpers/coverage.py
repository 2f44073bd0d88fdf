#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Which share of each folder's lines the unit tests run: coverage.py BUILD FLOORS

BUILD is a build folder of meson's with -Db_coverage=true whose tests have run. FLOORS has a line for each folder: the
folder, and the percentage below which its coverage must not fall. Prints a table, and fails where one is below its
floor. A line that is compiled several times counts once, and as run if it ran anywhere.
"""
import json
import os
import subprocess
import sys
from collections import defaultdict


def data_files(build):
    for folder, _, names in os.walk(build):
        for name in names:
            if name.endswith('.gcda'):
                yield os.path.join(folder, name)


def read_coverage(build, source):
    """file -> line -> whether it ran"""
    lines = defaultdict(dict)
    files = sorted(os.path.abspath(name) for name in data_files(build))
    for begin in range(0, len(files), 50):
        output = subprocess.run(['gcov', '--json-format', '--stdout', *files[begin:begin + 50]], cwd=build, check=True,
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
        for document in output.splitlines():
            report = json.loads(document)
            for file in report['files']:
                path = os.path.normpath(os.path.join(report['current_working_directory'], file['file']))
                name = os.path.relpath(path, source)
                if not name.startswith(('src/', 'fs/')) or os.path.basename(name).startswith('test-'):
                    continue
                for line in file['lines']:
                    number = line['line_number']
                    lines[name][number] = lines[name].get(number, False) or line['count'] > 0
    return lines


def main():
    build, floors_file = sys.argv[1:]
    source = os.getcwd()
    with open(floors_file, encoding='utf-8') as file:
        floors = {words[0]: int(words[1]) for words in (line.split() for line in file if line.strip() and line[0] != '#')}
    folders = defaultdict(lambda: [0, 0])
    for name, lines in read_coverage(build, source).items():
        folder = folders[os.path.dirname(name)]
        folder[0] += sum(lines.values())
        folder[1] += len(lines)
    good = bool(folders)
    for folder, (run, known) in sorted(folders.items()):
        percent = 100 * run / known
        floor = floors.pop(folder, None)
        below = floor is not None and percent < floor
        verdict = 'has no floor yet' if floor is None else 'BELOW ITS FLOOR' if below else ''
        good = good and not below
        print(f'{folder:20} {percent:5.1f} %  of {known:5} lines  floor {floor if floor is not None else "-":>3}  {verdict}'.rstrip())
    for folder in floors:
        good = False
        print(f'{folder:20} was not measured')
    sys.exit(0 if good else 1)


main()
