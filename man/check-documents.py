#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Manuals, --help texts, headers and documents tell the same story. Run by `meson test documents`.

    options     each option that --help names is in the manual's OPTIONS (or in its verb's part), and the other way round
    verbs       each verb of linfsp has its part in linfsp(1), and no other, and a page of its own
    functions   each function of the public headers is in a manual of section 3, is found under its own name, and no other is
    constants   each LINFSP_WANT_..., LINFSP_OPEN_... and LINFSP_VOLUME_... of the header is in one
    example     liblinfsp(3) has the first program of docs/writing-a-file-system.md, which a test compiles
    settings    each key of linfsp.conf's example is in linfsp.conf(5), and the other way round
    references  each manual that is referred to and is ours exists
    messages    each message of ours that docs/troubleshooting.md begins a paragraph with is in the source
    links       each relative link of a Markdown file leads to a file, and to a heading where it names one
"""
import argparse
import os
import pathlib
import re
import shlex
import subprocess
import sys

OPTION = re.compile(r"(?<![\w\-/=])(--[a-z][\w-]*|-[A-Za-z])\b")
complaints = []


def complain(where, text):
    complaints.append(f"{where}: {text}")


def compare(where, wanted, found, wanted_is, found_is):
    for name in sorted(wanted - found):
        complain(where, f"{name} is in {wanted_is}, and not in {found_is}")
    for name in sorted(found - wanted):
        complain(where, f"{name} is in {found_is}, and not in {wanted_is}")


# ---- manuals -----------------------------------------------------------------------------------------------------------


def read_manual(source, name):
    return (source / "man" / f"{name}.scd").read_text()


def parts(text, mark):
    """A manual's text by heading: {heading: text}."""
    pieces = re.split(rf"^{mark} (.*)\n", text, flags=re.MULTILINE)
    return dict(zip(pieces[1::2], pieces[2::2]))


def options_defined(text):
    """Those that a paragraph of a manual begins with: *-f*, *--foreground*"""
    found = set()
    for line in re.findall(r"^\*-.*$", text, flags=re.MULTILINE):
        found |= {option for bold in re.findall(r"\*(-[^*]*)\*", line) for option in OPTION.findall(bold)}
    return found


# ---- --help ------------------------------------------------------------------------------------------------------------


def help_of(program, *arguments):
    emulator = shlex.split(os.environ.get("MESON_EXE_WRAPPER", ""))
    run = subprocess.run([*emulator, program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=20)
    return run.stdout


def options_of(text):
    """Options in a --help text: in its usage line, and those that begin a line. Others may be another program's."""
    usage = re.match(r"usage: linfsp .*(?:\n +linfsp .*)*", text)
    lines = [line.strip() for line in text.splitlines() if re.match(r"^ +-", line)]
    text = "\n".join([usage.group() if usage else ""] + [re.split(r"\s{2,}", line)[0] for line in lines])
    return set(OPTION.findall(text))


# ---- checks ------------------------------------------------------------------------------------------------------------


def check_program(source, program, manual):
    told = options_of(help_of(program, "--help" if manual != "linfsp-fusermount.8" else "-h"))
    defined = options_defined(parts(read_manual(source, manual), "#")["OPTIONS"])
    compare(manual, told, defined, "--help", "OPTIONS")


def verbs_of(linfsp):
    return re.findall(r"^  ([a-z]+)  +\S", help_of(linfsp, "--help").split("\n\nOn the host")[0], flags=re.MULTILINE)


def check_verbs(source, linfsp):
    described = {}
    for heading, text in parts(parts(read_manual(source, "linfsp.1"), "#")["VERBS"], "##").items():
        verb = heading.split()[1]
        described[verb] = described.get(verb, "") + text
    listed = set(verbs_of(linfsp))
    unlisted = {verb for verb in set(described) - listed if help_of(linfsp, verb, "--help").startswith(f"usage: linfsp {verb}")}
    compare("linfsp.1", listed | unlisted, set(described), "linfsp --help", "VERBS")
    built = (source / "man/meson.build").read_text()
    for verb in sorted(listed | unlisted):
        if f"'{verb}'" not in built and f"'linfsp-{verb}.1'" not in built:
            complain("man/meson.build", f"there is no page linfsp-{verb}(1)")
    for verb, text in described.items():
        manual = f"linfsp-{verb}.1"
        if f"*linfsp-{verb}*(1)" in text:
            text = parts(read_manual(source, manual), "#")["OPTIONS"]
        told = options_of(help_of(linfsp, verb, "--help")) - {"--help"}
        compare(f"linfsp {verb}", told, options_defined(text), "--help", "the manual")


def check_functions(source, links):
    header = "".join((source / "include/linfsp" / name).read_text() for name in ("linfsp.h", "load.h"))
    # a declaration begins a line, and is no definition of the loader's own
    declared = set(re.findall(r"^[\w ]+[ *](linfsp_\w+|fsp_load)\(", header, flags=re.MULTILINE))
    declared -= set(re.findall(r"^static inline [\w ]*[ *](linfsp_\w+)\(", header, flags=re.MULTILINE))
    manuals = {path.name[: -len(".3.scd")]: path.read_text() for path in (source / "man").glob("*.3.scd")}
    shown = set()
    for text in manuals.values():
        for block in re.findall(r"^```\n(.*?)^```", parts(text, "#").get("SYNOPSIS", "") + parts(text, "#").get("DESCRIPTION", ""),
                                flags=re.MULTILINE | re.DOTALL):
            shown |= set(re.findall(r"^[\w ]+[ *](linfsp_\w+|fsp_load)\(", block, flags=re.MULTILINE))
    compare("functions", declared, shown, "the headers", "manuals")
    names = set(manuals) | {link[: -len(".3")] for link in links if link.endswith(".3")}
    for name in sorted(declared - names):
        complain("man/meson.build", f"there is no link {name}.3 to the manual that {name} is in")
    every = "".join(manuals.values()).replace("\\", "")
    for constant in sorted(set(re.findall(r"^#define (LINFSP_(?:WANT|OPEN|VOLUME)_\w+)", header, flags=re.MULTILINE))):
        if constant not in every:
            complain("constants", f"{constant} is in no manual")


def check_example(source):
    guide = re.search(r"^```c\n(.*?)^```", (source / "docs/writing-a-file-system.md").read_text(), flags=re.MULTILINE | re.DOTALL)
    if f"```\n{guide[1]}```" not in parts(read_manual(source, "liblinfsp.3"), "#")["EXAMPLE"]:
        complain("liblinfsp.3", "its example is not the one of docs/writing-a-file-system.md")


def check_settings(source):
    example = set(re.findall(r"^#([a-z_]+) = ", (source / "packaging/linfsp.conf").read_text(), flags=re.MULTILINE))
    text = parts(read_manual(source, "linfsp.conf.5"), "#")["KEYS"]
    compare("linfsp.conf.5", example, set(re.findall(r"^\*([a-z_]+)\*$", text, flags=re.MULTILINE)), "packaging/linfsp.conf", "KEYS")


def check_references(source, links):
    ours = {path.name[: -len(".scd")] for path in (source / "man").glob("*.scd")} | set(links)
    for path in sorted((source / "man").glob("*.scd")):
        for name, section in re.findall(r"\*((?:lib)?(?:linfsp|fsp|memfs|ptfs)[\w.-]*)\*\((\d)\)", path.read_text()):
            if f"{name}.{section}" not in ours:
                complain(path.name, f"there is no manual {name}({section})")


# What the kernel, libfuse or an engine says, or a path or command stands for a symptom.
NOT_OURS = ("fuse: ", "docker: ", "No space", "Software caused", "Transport endpoint", "Bus error", "Permission denied", "/unc/", "/mnt", "ls ",
            "docker ", "linfsp stop", "/dev/fuse")
# In a message of troubleshooting.md: what differs from case to case.
VARIABLE = re.compile(r"\b[A-Z]\b|\bKEY\b|VALUE|\.\.\.|\([^)]*\)|\"|/[\w./]+(?::\d+: )?|\b\d[\d.]*\b|-m ~|:|; |\bvolume\b|'")


def check_messages(source):
    files = [path for folder in ("src", "fs", "include") for path in (source / folder).glob("**/*.[ch]") if not path.name.startswith("test-")]
    # literals are joined as the compiler does
    said = re.sub(r'"(?:\s*\\\n)?\s*"', "", "".join(path.read_text() for path in sorted(files)))
    for line in re.findall(r"^\*\*(.*?)\*\*", (source / "docs/troubleshooting.md").read_text(), flags=re.MULTILINE):
        for message in re.findall(r"`([^`]*)`", line):
            if message.startswith(NOT_OURS):
                continue
            piece = max(VARIABLE.split(message), key=len).strip()
            if piece not in said:
                complain("docs/troubleshooting.md", f"no program says \"{piece}\"")


def anchors(path):
    headings = re.findall(r"^#+ (.*)$", path.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def check_links(source):
    for path in sorted([*source.glob("*.md"), *source.glob("docs/**/*.md"), *source.glob("benchmarks/**/*.md")]):
        for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
            if re.match(r"[a-z]+:", target):
                continue
            name, _, anchor = target.partition("#")
            to = (path.parent / name).resolve() if name else path
            if not to.exists():
                complain(path.relative_to(source), f"leads to {target}, which does not exist")
            elif anchor and to.suffix == ".md" and anchor not in anchors(to):
                complain(path.relative_to(source), f"leads to {target}, which has no such heading")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--source", type=pathlib.Path, required=True)
    for program in ("linfsp", "linfspd", "memfs", "ptfs", "fusermount3"):
        parser.add_argument(f"--{program}", required=True)
    parser.add_argument("--links", nargs="*", default=[])
    given = parser.parse_args()
    check_program(given.source, given.linfspd, "linfspd.8")
    check_program(given.source, given.memfs, "memfs.1")
    check_program(given.source, given.ptfs, "ptfs.1")
    check_program(given.source, given.fusermount3, "linfsp-fusermount.8")
    check_verbs(given.source, given.linfsp)
    check_functions(given.source, given.links)
    check_example(given.source)
    check_settings(given.source)
    check_references(given.source, given.links)
    check_messages(given.source)
    check_links(given.source)
    for complaint in complaints:
        print(complaint)
    sys.exit(bool(complaints))


if __name__ == "__main__":
    main()
