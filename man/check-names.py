#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the documents name exists. Run by `meson test names`.

    files       each file or folder of the tree that is named in code (`src/...`, `silo.c`)
    verbs       each verb of `linfsp VERB`
    options     each option of linfsp, linfspd, memfs and ptfs in a command line, and each long option that stands alone
    completion  each long option of our commands is offered
    packages    those that a build takes, as ./check installs them
    parts       each part of ./check, ./package, as the head of the script lists them, and each option of ./bench

README.md has a hundred lines at most. Decisions (docs/adr) tell of their time and are not looked at. Links are followed by check-documents.py.
"""
import argparse
import fnmatch
import os
import pathlib
import re
import shlex
import subprocess
import sys

OPTION = re.compile(r"(?<![\w\-/=.])(--[a-z][\w-]*|-[A-Za-z])(?![\w-])")
# A command line ends here; behind "--" and an upper-case COMMAND options are another program's.
END = re.compile(r" -- |[|;&`)#]|\s{2,}|$|\bCOMMAND\b")
IN_TREE = re.compile(r"(?<![\w./$-])((?:src|fs|test|docs|man|packaging|examples|benchmarks|include)/[\w./*-]*\w[\w*]*)")
SOURCE = re.compile(r"[\w./-]+\.(?:c|h|bash|bats)")
# Files that the reader of a guide makes.
READERS = {"empty.c"}
# Long options of other programs that stand alone in a sentence.
OTHERS = {"--cflags", "--device", "--dev", "--privileged", "--tmpfs"}
# Of ours, in builds for tests only
IN_TESTS = {"--fault-points"}
# Behind the first word that is no option, another program's begin.
STARTERS = ("run", "wine", "await")
complaints = []


def complain(path, text):
    complaints.append(f"{path}: {text}")


def code_of(text):
    """The code of a Markdown text, a piece of a line each: indented and fenced blocks, and what stands in backticks."""
    pieces, fenced = [], False
    for line in text.splitlines():
        if line.startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            pieces.append(line.strip())
    prose = re.sub(r"^(?:    |```).*$", "", text, flags=re.MULTILINE)
    return pieces, [re.sub(r"\s+", " ", piece) for piece in re.findall(r"`([^`]+)`", prose)]


class Programs:
    """What our programs say of themselves."""

    def __init__(self, given):
        self.paths = {name: getattr(given, name) for name in ("linfsp", "linfspd", "memfs", "ptfs")}
        self.known = {}
        self.verbs = set(re.findall(r"^  ([a-z-]+) +\S", self.help("linfsp").split("\n\nOn the host")[0], flags=re.MULTILINE))
        # verbs for programs, which the list leaves out
        self.verbs |= {verb for verb in ("await", "hook") if self.help("linfsp", verb).startswith(f"usage: linfsp {verb}")}

    def help(self, program, *words):
        emulator = shlex.split(os.environ.get("MESON_EXE_WRAPPER", ""))
        run = subprocess.run([*emulator, self.paths[program], *words, "--help"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             text=True, timeout=20)
        return run.stdout

    def options(self, program, *words):
        key = (program, *words)
        if key not in self.known:
            self.known[key] = set(OPTION.findall(self.help(program, *words))) | {"--help", "--version", "-h", "-V"} | IN_TESTS
        return self.known[key]

    def own(self, program, *words):
        """The long options that --help has in its usage or at the beginning of a line; others may be another program's."""
        text = self.help(program, *words).split("\nexample")[0]
        usage = re.match(r"usage: .*(?:\n +linfsp .*)*", text)
        lines = [re.split(r"\s{2,}", line.strip())[0] for line in text.splitlines() if re.match(r"^ +-", line)]
        return {option for option in OPTION.findall("\n".join([usage[0] if usage else "", *lines])) if option.startswith("--")}

    def every_option(self):
        every = set()
        for program in ("linfspd", "memfs", "ptfs"):
            every |= self.options(program)
        for verb in self.verbs:
            every |= self.options("linfsp", verb)
        return every


def arguments(text, starter=False):
    """The options in what follows a program's name; of a program that starts others, those of its own."""
    text = re.sub(r"'[^']*'|\"[^\"]*\"", "WORD", text)
    text = text[: END.search(text).start()]
    if starter:
        text = re.match(r"(?:\s+-\S+(?:\s+(?!-)\S+)?)*", text)[0]
    return OPTION.findall(text)


def check_commands(path, piece, programs):
    for call in re.finditer(r"(?:^|[\s;&|(]|\bbin/)linfsp ([a-z][a-z-]*)(?![\w./=:-])", piece):
        verb = call[1]
        if verb not in programs.verbs:
            complain(path, f"linfsp has no verb {verb}: {piece}")
            continue
        for option in arguments(piece[call.end():], verb in STARTERS):
            if option not in programs.options("linfsp", verb):
                complain(path, f"linfsp {verb} has no option {option}: {piece}")
    for call in re.finditer(r"(?:^|[\s;&|(/'])(linfspd|memfs|ptfs) (?=-)", piece):
        if re.search(r"\b(?:gcc|cc|pgrep|strace)\b[^|&;]*$", piece[: call.start()]):
            continue
        for option in arguments(piece[call.end():]):
            if option not in programs.options(call[1]):
                complain(path, f"{call[1]} has no option {option}: {piece}")


def exists(source, name):
    """Whether the tree has this file. NAME and the like stand for anything."""
    return any(source.glob(re.sub(r"NAME|SUBJECT|VERB|NUMBER", "*", name.rstrip("/"))))


def check_files(source, path, piece):
    # what ninja and meson are given are names of a build folder
    for name in IN_TREE.findall(re.sub(r"\b(?:ninja|meson) [^&|)]*", "", piece)):
        if not exists(source, name):
            complain(path, f"there is no {name}: {piece}")


def check_source(files, path, piece):
    """A source file that is named by the end of its path"""
    pattern = re.sub(r"NAME|SUBJECT|VERB|NUMBER", "*", piece)
    if SOURCE.fullmatch(piece) and piece not in READERS and not any(fnmatch.fnmatchcase("/" + name, "*/" + pattern) for name in files):
        complain(path, f"there is no file {piece}")


def check_parts(source, path, piece):
    for script, part in re.findall(r"(?:^|\s)\./(check|package) ([a-z]+)", piece):
        if f"./{script} {part}" not in (source / script).read_text():
            complain(path, f"./{script} has no part {part}: {piece}")
    for call in re.finditer(r"(?:^|\s)\./bench (?=-)", piece):
        for option in arguments(piece[call.end():]):
            if option not in options_of_bench(source):
                complain(path, f"./bench has no option {option}: {piece}")


def check_packages(source):
    """docs/administration.md has the packages of packaging/packages.bash, and scdoc, which a build can do without."""
    listed = re.search(r"^ *apt install (gcc (?:.*\\\n)*.*)$", (source / "docs/administration.md").read_text(), flags=re.MULTILINE)
    needed = re.search(r"^build_packages=\(([^)]*)\)", (source / "packaging/packages.bash").read_text(), flags=re.MULTILINE)
    differ = set(listed[1].replace("\\", " ").split()) ^ {*needed[1].split(), "scdoc"}
    for package in sorted(differ):
        complain("docs/administration.md", f"{package} is there or in packaging/packages.bash, and not in both")


def offered(text, name):
    """The long options in a completion; fish writes --json as -l json."""
    return set(re.findall(r"-l ([a-z][\w-]+)" if name.endswith(".fish") else r"--([a-z][\w-]+)", text))


def check_completion(source, programs):
    """Each long option of our commands is offered in bash, zsh and fish. In bash an option is looked for at its verb."""
    folder = source / "packaging/completion"
    for program, files in (("memfs", ("memfs", "_memfs", "memfs.fish")), ("ptfs", ("memfs", "_memfs", "memfs.fish"))):
        for file in files:
            for option in sorted(programs.own(program)):
                if option[2:] not in offered((folder / file).read_text(), file):
                    complain(f"packaging/completion/{file}", f"{program}'s {option} is not offered")
    for verb in sorted(programs.verbs - {"hook"}):
        cases = re.findall(rf"^        (?:.* )?{verb}(?: .*)?\) options=(.*)$", (folder / "linfsp").read_text(), flags=re.MULTILINE)
        texts = {"linfsp": " ".join(cases), **{file: (folder / file).read_text() for file in ("_linfsp", "linfsp.fish")}}
        for option in sorted(programs.own("linfsp", verb) | {"--help"}):
            for file, text in texts.items():
                if verb != "help" and option[2:] not in offered(text, file):
                    complain(f"packaging/completion/{file}", f"{option} of linfsp {verb} is not offered")


def options_of_bench(source):
    files = [source / "bench", *sorted((source / "benchmarks").glob("*.c")), *sorted((source / "benchmarks/suite").glob("*.py"))]
    return set(re.findall(r"--[a-z][\w-]*", "".join(file.read_text() for file in files)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--source", type=pathlib.Path, required=True)
    for program in ("linfsp", "linfspd", "memfs", "ptfs"):
        parser.add_argument(f"--{program}", required=True)
    given = parser.parse_args()
    programs = Programs(given)
    source = given.source
    alone = programs.every_option() | OTHERS | options_of_bench(source)
    tops = ("src", "fs", "test", "include", "benchmarks", "examples", "packaging")
    files = [str(file.relative_to(source)) for top in tops for file in (source / top).glob("**/*")]
    for file in sorted([*source.glob("*.md"), *source.glob("docs/*.md"), source / "benchmarks/README.md"]):
        path = file.relative_to(source)
        lines, inline = code_of(file.read_text())
        for piece in lines + inline:
            check_commands(path, piece, programs)
            check_files(source, path, piece)
            check_parts(source, path, piece)
        for piece in inline:
            check_source(files, path, piece)
            option = re.match(r"--[a-z][\w-]*", piece)
            if option and option[0] not in alone:
                complain(path, f"no program of ours has the option {option[0]}")
    check_packages(source)
    check_completion(source, programs)
    if len((source / "README.md").read_text().splitlines()) > 100:
        complain("README.md", "it has more than a hundred lines")
    for complaint in complaints:
        print(complaint)
    sys.exit(bool(complaints))


if __name__ == "__main__":
    main()
