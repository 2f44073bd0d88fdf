#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Renders a Helm chart without Helm, which Debian does not have: helm-render.py CHART TEMPLATE NAMESPACE [KEY=VALUE...]

It knows what our chart uses and nothing more: {{ .Values.a.b }}, {{ .Release.Namespace }}, {{ .Chart.AppVersion }}, "| default", and an
{{- if }} over whole lines. Anything else is an error. KEY=VALUE overrides a value, as --set does.
"""
import re
import sys

import yaml


def look_up(expression, values):
    found = values
    for part in expression.strip().lstrip(".").split("."):
        if not isinstance(found, dict) or part not in found:
            sys.exit(f"helm-render: there is no {expression.strip()}")
        found = found[part]
    return found


def evaluate(expression, values):
    first, *filters = expression.split("|")
    result = look_up(first, values)
    for name in filters:
        word, argument = name.split(None, 1)
        if word != "default":
            sys.exit(f"helm-render: unknown function {word}")
        result = result if result not in ("", None) else look_up(argument, values)
    return {True: "true", False: "false"}.get(result, str(result)) if isinstance(result, bool) else str(result)


def render(text, values):
    lines, shown = [], [True]
    for line in text.splitlines(keepends=True):
        condition = re.fullmatch(r"\{\{- if (.*?) \}\}\n", line)
        if condition:
            shown.append(bool(look_up(condition[1], values)))
        elif line == "{{- end }}\n":
            shown.pop()
        elif all(shown):
            lines.append(re.sub(r"\{\{ (.*?) \}\}", lambda match: evaluate(match[1], values), line))
    rendered = "".join(lines)
    if "{{" in rendered or len(shown) != 1:
        sys.exit("helm-render: a template that is not understood is left")
    return rendered


def main():
    chart, template, namespace, *overrides = sys.argv[1:]
    with open(f"{chart}/Chart.yaml", encoding="utf-8") as file:
        about = yaml.safe_load(file)
    with open(f"{chart}/values.yaml", encoding="utf-8") as file:
        values = yaml.safe_load(file)
    for override in overrides:
        key, value = override.split("=", 1)
        *path, last = key.split(".")
        look_up(key, values)
        (look_up(".".join(path), values) if path else values)[last] = yaml.safe_load(value)
    scope = {"Values": values, "Release": {"Namespace": namespace}, "Chart": {"AppVersion": about["appVersion"], "Version": about["version"]}}
    with open(f"{chart}/templates/{template}", encoding="utf-8") as file:
        print(render(file.read(), scope), end="")


if __name__ == "__main__":
    main()
