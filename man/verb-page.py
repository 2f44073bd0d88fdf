#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A manual page for each verb, out of linfsp(1): verb-page.py linfsp.1.scd VERB VERSION writes scdoc's source of linfsp-VERB(1)."""
import re
import sys


def sentence(text):
    """The first sentence, without marks, as the line that whatis(1) shows: 80 characters at most, cut at a comma."""
    first = re.split(r"[.:;](?:\s|$)", " ".join(text.split()), maxsplit=1)[0]
    first = re.sub(r"[*_\\]", "", first)
    while len(first) > 80 and "," in first:
        first = first.rpartition(",")[0]
    return first[0].lower() + first[1:]


def main():
    source, verb, version = sys.argv[1:]
    text = open(source, encoding="utf-8").read()
    sections = re.findall(rf"^## linfsp {re.escape(verb)}(?![a-z-])([^\n]*)\n(.*?)(?=^##? |\Z)", text, re.MULTILINE | re.DOTALL)
    if not sections:
        sys.exit(f"verb-page: {source} has no part on {verb}")
    body = "".join(part for _, part in sections).strip()
    description, *options = re.split(r"(?m)^(?=\*-)", body, maxsplit=1)
    print(f'linfsp-{verb}(1) "LinFsp {version}" "LinFsp"\n')
    print(f"# NAME\n\nlinfsp-{verb} - {sentence(description)}\n")
    print("# SYNOPSIS\n\n" + "++\n".join(f"*linfsp {verb}*{arguments}" for arguments, _ in sections) + "\n")
    print(f"# DESCRIPTION\n\n{description.strip()}\n")
    if options:
        print(f"# OPTIONS\n\n{options[0].strip()}\n")
    print("# SEE ALSO\n\n*linfsp*(1), *linfspd*(8), *linfsp*(7)")


if __name__ == "__main__":
    main()
