#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The constants of winfsp/nt*.h have the values that mingw-w64's headers give them: `test-constants.py INCLUDE_FOLDER`

Exit status 77: there is no mingw-w64 here. What its headers lack is not compared.
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

COMPILER = "x86_64-w64-mingw32-gcc"
LEAST = 350  # else something is wrong with this test
HEADERS = {
    "user": "#define WIN32_NO_STATUS\n#include <windows.h>\n#undef WIN32_NO_STATUS\n#include <ntstatus.h>\n#include <winternl.h>\n"
    "#include <winioctl.h>\n",
    "driver": "#include <ddk/ntifs.h>\n",
}


def constants(include):
    text = "".join(path.read_text() for path in sorted(include.glob("winfsp/nt*.h")))
    found = dict(re.findall(r"^#define (\w+) (\(?(?:0x)?[0-9a-f]+.*?)(?: /\*.*)?$", text, flags=re.MULTILINE | re.IGNORECASE))
    found.update(re.findall(r"^ +(?:STATUS|ERROR)\((\w+), (\w+)", text, flags=re.MULTILINE))
    return {name: value for name, value in found.items() if name != "CONST"}


def compare(head, found, folder):
    """Returns the names that these headers know. A wrong value is an error of the compiler that names it."""
    source = folder / "constants.c"
    lines = [head]
    for name, value in found.items():
        lines.append(f"#ifdef {name}")
        lines.append(f'_Static_assert((unsigned)({name}) == (unsigned)({value}), "{name}");')
        lines.append(f"int known_{name};")
        lines.append("#endif")
    source.write_text("\n".join(lines) + "\n")
    options = ["-w", "-I/usr/share/mingw-w64/include/ddk", "-E", "-P"]
    subprocess.run([COMPILER, "-w", "-I/usr/share/mingw-w64/include/ddk", "-fsyntax-only", source], check=True)
    text = subprocess.run([COMPILER, *options, source], check=True, stdout=subprocess.PIPE, text=True).stdout
    return set(re.findall(r"\bknown_(\w+);", text))


def main():
    if not shutil.which(COMPILER):
        return 77
    found = constants(pathlib.Path(sys.argv[1]))
    known = set()
    with tempfile.TemporaryDirectory() as folder:
        for head in HEADERS.values():
            known |= compare(head, found, pathlib.Path(folder))
    print(f"{len(known)} of {len(found)} compared; not known there: {' '.join(sorted(set(found) - known))}")
    return len(known) < LEAST


if __name__ == "__main__":
    sys.exit(main())
