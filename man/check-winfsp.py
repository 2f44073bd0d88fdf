#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""docs/winfsp.md has a row for all of WinFsp's API that the public headers have, and a test calls it. Run by `meson test winfsp-documents`.

    functions    what src/winfsp/wine/exports has, against the tables of functions, where Fsp...* stands for a family
    inline       the functions that winfsp.h and fsctl.h define themselves
    operations   FSP_FILE_SYSTEM_INTERFACE; of FUSE 2's and FUSE 3's struct fuse_operations those that the library does not call
    parameters   FSP_FSCTL_VOLUME_PARAMS
    tests        each of these functions stands in the source of a test or of a file system that tests run, each operation of the native
                 API in that of the test of operations
    example      fs/winhello, the example of a hundred lines, has no more without comments and empty ones
"""
import argparse
import pathlib
import re
import sys

complaints = []


def need(where, wanted, found):
    for name in sorted(wanted - found):
        complaints.append(f"docs/winfsp.md: {where}: {name} is missing")


def compare(where, wanted, found):
    need(where, wanted, found)
    for name in sorted(found - wanted):
        complaints.append(f"docs/winfsp.md: {where}: there is no {name}")


def compare_families(where, wanted, found):
    """Like compare; a name that ends with * stands for all that begin so, and there must be some."""
    families = tuple(name[:-1] for name in found if name.endswith("*"))
    need(where, {name for name in wanted if not name.startswith(families)}, found)
    for name in sorted(found):
        if name not in wanted and not (name.endswith("*") and any(other.startswith(name[:-1]) for other in wanted)):
            complaints.append(f"docs/winfsp.md: {where}: there is no {name}")


# ---- the document --------------------------------------------------------------------------------------------------------


def section(text, heading):
    """What follows a heading, to the next one."""
    return text[text.index(f"{heading}\n") :].split("\n## ")[0].split("\n### ")[0]


def first_cells(text):
    return " ".join(re.split(r"(?<!\\)\|", line)[1] for line in text.splitlines() if line.startswith("| "))


# ---- the headers ---------------------------------------------------------------------------------------------------------


def read(source, *patterns):
    return "".join(path.read_text() for pattern in patterns for path in sorted(source.glob(pattern)))


def exports(source):
    lines = (source / "src/winfsp/wine/exports").read_text().splitlines()
    return {line.split()[0] for line in lines if re.match(r"\w", line)}


def inline_functions(text):
    return set(re.findall(r"^static inline [\w* ]*?\b(Fsp\w+)\(", text, flags=re.MULTILINE))


def members(text, structure):
    body = re.search(rf"^struct {structure} \{{$(.*?)^\}};", text, flags=re.MULTILINE | re.DOTALL).group(1)
    return {name for name in re.findall(r"\((?:FSP_ABI|FSP_FUSE_CALL) \*(\w+)\)\s*\(", body) if not re.match("(?i)reserved|obsolete", name)}


def parameters(text):
    fields = re.search(r"^#define FSP_FSCTL_VOLUME_PARAMS_V0_FIELDS(.*?)^typedef", text, flags=re.MULTILINE | re.DOTALL).group(1)
    names = re.findall(r"^ +(?:UINT\d+|WCHAR) (\w+)", fields, flags=re.MULTILINE)
    return {name for name in names if "Reserved" not in name and not name.endswith("Valid")}


def without_prefix(name):
    return re.sub(r"^(fsp_)?fuse3?_", "", name)


# ---- checks --------------------------------------------------------------------------------------------------------------


def check_native(document, header, names):
    compare_families("Functions", names, set(re.findall(r"\bFsp\w+\*?", first_cells(section(document, "### Functions")))))
    operations = section(document, "### Operations, and who calls them")
    compare("Operations", members(header, "_FSP_FILE_SYSTEM_INTERFACE"), set(re.findall(r"\b[A-Z]\w+", first_cells(operations))))


def cells(line):
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def check_fuse(document, every_operation, called, exported):
    functions = section(document, "### Its functions")
    named = set(re.findall(r"\w+\*?", first_cells(functions))) - {"functions"}
    compare_families("Its functions", {without_prefix(name) for name in exported}, named)
    rows = [cells(line) for line in section(document, "## The FUSE API").splitlines() if line.startswith("| ")]
    never = set(re.findall(r"\w+", " ".join(row[0] for row in rows if row[2].startswith("never"))))
    compare("The FUSE API, what is never called", every_operation - called, never)


def check_tests(names, tests, form=r"\b{}\b"):
    for name in sorted(names):
        if not re.search(form.format(name), tests):
            complaints.append(f"no test calls {name}")


def check_example(text):
    lines = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL).splitlines()
    count = sum(bool(line.strip()) for line in lines)
    if count > 100:
        complaints.append(f"fs/winhello/winhello.c: {count} lines, and docs/winfsp.md says a hundred")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--source", type=pathlib.Path, required=True)
    source = parser.parse_args().source
    document = (source / "docs/winfsp.md").read_text()
    header, params = read(source, "include/winfsp/winfsp.h"), read(source, "include/winfsp/fsctl.h")
    fuse = [(read(source, "include/winfsp/fuse/fuse.h"), "fuse_operations"), (read(source, "include/winfsp/fuse3/fuse.h"), "fuse3_operations")]
    all_exports = exports(source)
    native = {name for name in all_exports if name.startswith("Fsp")}
    inline = inline_functions(header) | inline_functions(params)
    check_native(document, header, native | inline)
    compare("Volume parameters", parameters(params), set(re.findall(r"\b[A-Z]\w+", first_cells(section(document, "### Volume parameters")))))
    calls = read(source, "src/winfsp/fuse/calls*.[ch]")
    called = set(re.findall(r"\b(?:CALL|DONE)\(fuse, (\w+)|\boperations_of\(fuse\)->(\w+)", calls))
    check_fuse(document, set().union(*[members(*one) for one in fuse]), {name for pair in called for name in pair}, all_exports - native)
    tests = read(source, "test/helpers/winfsp-*.c", "fs/win*/**/*.c", "fs/memfs-fuse/*.c", "src/winfsp/**/test-*.c", "test/helpers/fuse-*.c")
    check_tests(native | inline, tests)
    of_operations = read(source, "test/helpers/winfsp-operations.c")
    check_tests(members(header, "_FSP_FILE_SYSTEM_INTERFACE"), of_operations, r"(?:\.|Interface\.){} = ")
    # of test/helpers/fuse-contracts.c, which has them by the name without prefix
    check_tests({without_prefix(name) for name in all_exports - native}, tests, r"\b(?:FN|OPT)\({0}\)|\bfsp_fuse_{0}\(")
    check_example(read(source, "fs/winhello/winhello.c"))
    for complaint in complaints:
        print(complaint)
    sys.exit(bool(complaints))


if __name__ == "__main__":
    main()
