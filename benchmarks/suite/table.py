# SPDX-License-Identifier: MIT
"""The results as text for people."""


def columns(rows, left=1):
    """Lines of cells, aligned; the first `left` columns to the left. None: an empty line."""
    widths = [
        max(len(row[i]) for row in rows if row and i < len(row)) for i in range(max(len(row) for row in rows if row))
    ]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if i < left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row or [], widths))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def heading(text):
    return f"\n== {text}\n"


def rate(cell, operation):
    """A row keeps to one unit, so that its figures can be compared at a glance."""
    if not cell:
        return "-"
    if "error" in cell:
        return cell["error"][:18]
    if "1m" in operation or "mmap" in operation:
        return f"{cell['bytes_per_second'] / 1e9:.2f} GB/s"
    if operation in ("readdir", "fstat", "fstat-root"):
        return f"{cell['median'] / 1e6:.2f} M/s"
    return f"{cell['median'] / 1e3:.1f} k/s"


def operations(data):
    names = data["targets"]
    rows = [["operation", "", *names, "memfs/libfuse", "memfs/tmpfs", "passed/tmpfs", "spread", "p50 µs", "p99 µs"]]
    for row in data["rows"]:
        cells = row["targets"]
        ours = cells.get("memfs") or cells.get("libfuse") or {}
        ratios = [
            f"{row['ratios'][pair]:.2f}" if pair in row["ratios"] else "-"
            for pair in ("memfs/libfuse", "memfs/tmpfs", "memfs-passed/tmpfs")
        ]
        tail = (
            [f"{ours['spread']:.0%}", f"{ours['p50_us']:.1f}", f"{ours['p99_us']:.1f}"]
            if "spread" in ours
            else ["-"] * 3
        )
        rows.append(
            [
                row["operation"],
                f"×{row['threads']}",
                *[rate(cells.get(name), row["operation"]) for name in names],
                *ratios,
                *tail,
            ]
        )
    legend = (
        f"medians of {data['rounds']} interleaved rounds of {data['seconds']} s, "
        f"{'each client thread pinned to a CPU' if data['pinned'] else 'threads not pinned'}; "
        "×1, ×2: client threads; spread, p50 and p99 are memfs's"
    )
    return heading("Operations") + legend + "\n\n" + columns(rows, 2)


def variants(title, found):
    """Each row's first file system against the others of that row. Rows of other file systems begin another table."""
    tables, shown = [], None
    for row in found["rows"]:
        cells, names = row["targets"], list(row["targets"])
        if names != shown:
            others = [f"{names[0]}/{name}" for name in names[1:]]
            by_cpu = [f"CPU {other}" for other in others if "cpu_ratios" in row]
            tables.append([["operation", "", *names, *others, *by_cpu, ""]])
            shown = names
        ratios = [f"{row['ratios'][name]:.2f}" if name in row["ratios"] else "-" for name in names[1:]]
        if "cpu_ratios" in row:
            ratios += [f"{row['cpu_ratios'][name]:.2f}" if row["cpu_ratios"].get(name) else "-" for name in names[1:]]
        figures_ = [rate(cells[name], row["operation"]) for name in names]
        tables[-1].append([row["operation"], f"×{row['threads']}", *figures_, *ratios, row.get("title", "")])
    return heading(title) + "\n\n".join(columns(rows, 2) for rows in tables)


def winfsp_starts(found):
    rows = [["", "n", "p50", "p90", "p99", "max", ""], *[spread_of(name, value) for name, value in found.items()]]
    return heading("A file system of WinFsp's API: start to first stat") + columns(rows)


def spread_of(name, found, unit="ms", scale=1000):
    return [name, str(found["n"]), *[f"{found[key] / scale:.3f}" for key in ("p50", "p90", "p99", "max")], unit]


def injection(found):
    rows = [["", "n", "p50", "p90", "p99", "max", "", "at once"]]
    for key, name in [
        ("docker_us", "docker: devices there, after the first instruction"),
        ("bubblewrap_us", "bubblewrap: the same"),
    ]:
        if found.get(key, {}).get("n"):
            rows.append([*spread_of(name, found[key]), f"{found[key]['at_once']:.0%}"])
    rows.append(spread_of("execve to the first instruction, by itself", found["execve_us"]))
    walls = found.get("docker_run_ms", {})
    for key in ("with", "without"):
        if key in walls:
            rows.append(spread_of(f"docker run, {key} the service", walls[key], scale=1))
    return heading("Injection") + columns(rows)


def mounting(found):
    rows = [["", "n", "p50", "p90", "p99", "max", ""]]
    names = {
        "create_us": "mounted",
        "first_stat_us": "first stat",
        "destroy_us": "gone again",
        "mounted_us": "start to first stat",
        "gone_us": "SIGTERM to gone",
    }
    for name, keys in found.items():
        if isinstance(keys, dict) and name != "ratios":
            rows += [spread_of(f"{name}: {names[key]}", value) for key, value in keys.items()]
    lines = [
        f"{name}: {value['ratio']:.2f} × (95 %: {value['low']:.2f} to {value['high']:.2f})"
        for name, value in found["ratios"].items()
    ]
    return heading("Mounts") + columns(rows) + "\n\n" + "\n".join(lines)


def scale(found):
    stages = found["stages"]
    rows = [["containers", *[str(stage["silos"]) for stage in stages]]]

    def add(name, value):
        rows.append([name, *[value(stage) for stage in stages]])

    add("service's memory (Pss), MiB", lambda stage: f"{stage['memory']['pss_bytes'] / 2**20:.1f}")
    add("  resident, summed over its processes", lambda stage: f"{stage['memory']['rss_bytes'] / 2**20:.1f}")
    add("  descriptors", lambda stage: str(stage["descriptors"]))
    add("CPU a container, to set it up, ms", lambda stage: f"{stage['growth']['cpu_ms_each']:.2f}")
    add(
        f"idle for {stages[0]['idle']['seconds']} s: CPU ms / wake-ups",
        lambda stage: f"{stage['idle']['cpu_ms']:.1f} / {stage['idle']['wakeups']}",
    )
    add("  processes others started meanwhile", lambda stage: str(stage["idle"]["forks_of_others"]))
    for key, name, scale_by in [
        ("devices_us", "devices after the first instruction, p50 ms", 1000),
        ("volume_create_us", "disk volume, p50 ms", 1000),
        ("volume_destroy_us", "  and gone", 1000),
        ("publish_us", "network volume, published, p50 ms", 1000),
        ("unpublish_us", "  and gone", 1000),
        ("status_ms", "linfsp status, p50 ms", 1),
        ("silos_ms", "linfsp silos, p50 ms", 1),
    ]:
        add(name, lambda stage, key=key, scale_by=scale_by: f"{stage['operations'][key]['p50'] / scale_by:.2f}")
    if stages[0]["system_calls"]:
        for key, name in [("devices", "system calls: devices"), ("volume", "  a disk volume"), ("publish", "  a network volume")]:
            add(name, lambda stage, key=key: f"{stage['system_calls'][key]:.1f}")
    add("prefix opened in ten silos", lambda stage: f"{stage['operations']['opened_in_silos']:.0%}")
    add("  still there afterwards", lambda stage: f"{stage['operations']['left_in_silos']:.0%}")
    churn = found["come_and_go"]
    kinds = "half of them network volumes" if found["shares"] else "all disks"
    left = ", ".join(f"{count} {name}" for name, count in churn["left"].items() if name != "pss_bytes")
    text = (
        f"{found['volumes_each']} lasting volumes in each, {kinds}. Then {churn['containers']} more came and went, "
        f"{churn['a_minute']:.0f} a minute, every second one with a volume: "
        f"devices after {churn['devices_us']['p50'] / 1000:.2f} ms (p50), "
        f"{churn['devices_us']['p99'] / 1000:.2f} ms (p99); {churn['cpu_ms_each']:.2f} ms of the service's CPU each. "
        f"Left behind: {left}, {churn['left']['pss_bytes'] / 1024:.0f} KiB"
    )
    return heading("The service with many containers") + columns(rows) + "\n\n" + text


def shares(found):
    stages = [found[name] for name in ("one", "many_shares", "many_silos")]
    heads = [f"{stage['silos']} / {stage['shares']}" for stage in stages]
    rows = [["containers / network volumes there", *heads]]

    def add(name, values):
        rows.append([name, *values])

    def pair(value):
        return f"{value['p50'] / 1000:.2f} / {value['p99'] / 1000:.2f}"

    add("published, p50 / p99 ms", [pair(stage["publish_us"]) for stage in stages])
    add("  and ended", [pair(stage["end_us"]) for stage in stages])
    add("first access, p50 / p99 ms", [pair(stage["access"]["first_us"]) for stage in stages])
    add("a later one, p50 µs", [f"{stage['access']['later_us']['p50']:.1f}" for stage in stages])
    add("service's memory (Pss), MiB", [f"{stage['memory']['pss_bytes'] / 2**20:.1f}" for stage in stages])
    add("  descriptors", [str(stage["descriptors"]) for stage in stages])
    claims = [["a machine's first network volume, with containers", "first claim, ms", "second", "further, p50 / p99", "all have /unc after, s"]]
    for claim in found["first_claims"]:
        times = [f"{claim[name] / 1000:.1f}" for name in ("first_us", "second_us")]
        claims.append([str(claim["silos"]), *times, pair(claim["further_us"]), f"{claim['all_seconds']:.1f}"])
    ten = found["ten_each"]
    text = (
        f"{ten['silos']} containers opened ten of {ten['shares']} network volumes each: {ten['mounts']} mounts in them all; first access "
        f"{pair(ten['access']['first_us'])} ms (p50 / p99), a later one {ten['access']['later_us']['p50']:.1f} µs; "
        f"{ten['memory']['pss_bytes'] / 2**20:.1f} MiB. When their server was killed all had ended after {ten['end_seconds']:.1f} s, {ten['left']} mounts were left"
    )
    abuses = [["first accesses of a container beside", "n", "p50", "p90", "p99", "max", ""]]
    abuses += [spread_of(name, value) for name, value in found["abuse"].items()]
    return heading("Network volumes") + columns(rows) + "\n\n" + columns(claims) + "\n\n" + text + "\n\n" + columns(abuses)


def workloads(found):
    names = found["names"]
    rows = [["ms", *names, "ptfs / best peer", "memfs / best peer"]]
    for row in found["rows"]:
        seconds = row["seconds"]
        cells = [f"{seconds[name] * 1000:.0f}" if seconds.get(name) else "failed" for name in names]
        ratios = [f"{row['ratios'][name]:.2f}" if name in row["ratios"] else "-" for name in ("ptfs", "memfs")]
        rows.append([row["step"], *cells, *ratios])
    return heading("Everyday work on a folder of tmpfs, and on memfs, on the host") + columns(rows)


def budgets(found):
    mark = {True: "met", False: "MISSED", None: "-"}
    rows = [["budget", "wanted", "measured", "", ""]]
    rows += [[entry["name"], entry["wanted"], entry["value"], mark[entry["met"]], entry["note"]] for entry in found]
    return heading("Budgets") + columns(rows, 5)


def everything(results):
    facts = results["machine"]
    docker = f"docker {facts['docker']}" if facts["docker"] else "no docker"
    text = (
        f"LinFsp {facts['commit']}, {facts['date']}; Linux {facts['kernel']}, {facts['cpus']} CPUs ({facts['cpu']}), "
        f"{docker}, libfuse {facts['libfuse']}; load {facts['load_average_before']:.2f} at the start; "
        f"{results['mode']}\n"
    )
    for name, render in [("data", operations), ("injection", injection), ("mounting", mounting), ("scale", scale), ("shares", shares), ("workloads", workloads)]:
        if name in results:
            text += render(results[name]) + "\n"
    for name, title in [
        ("io_uring", "memfs over io_uring and over /dev/fuse, on the host"),
        ("round-trips", "Fewer round trips: memfs with each measure, and without it"),
        ("folders", "A folder of tmpfs passed through, on the host"),
        ("winfsp", "WinFsp's API over liblinfsp: a memfs of that API, and memfs, on the host"),
    ]:
        if name in results:
            text += variants(title, results[name]) + "\n"
    if results.get("winfsp", {}).get("starts"):
        text += winfsp_starts(results["winfsp"]["starts"]) + "\n"
    if results.get("io_uring", {}).get("null"):
        text += variants("A round trip to memfs, and to servers that do nothing", {"rows": results["io_uring"]["null"]}) + "\n"
    text += budgets(results["budgets"]) + "\n"
    for title, found in (("Skipped", results["skipped"]), ("FAILED", results["failed"])):
        if found:
            text += heading(title) + "\n".join(f"{name}: {why}" for name, why in found.items()) + "\n"
    return text
