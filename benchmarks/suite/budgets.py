# SPDX-License-Identifier: MIT
"""The budgets of the design, each with what was measured against it. A budget with nothing measured is listed, too."""
import data
import figures
from shares import CONTROLS

READS_AND_WRITES = [name for name in data.DATA if name.startswith(("read-4k", "write-4k", "read-1m", "write-1m"))]

# libfuse 3.19's memfs_ll, io_uring / dev: create, stat, fstat, unlink, mkdir, rename, each with one client thread and two.
LIBFUSE_GAINS = [27.6 / 13.6, 58.5 / 26.5, 48.8 / 21.7, 107 / 40.1, 105 / 41.4, 236 / 87.5]
LIBFUSE_GAINS += [28.8 / 16.4, 60.3 / 31, 40.5 / 14.9, 77 / 31, 31 / 12.1, 65.5 / 23]
LIBFUSE_GAIN = figures.geometric_mean(LIBFUSE_GAINS)


def budget(name, wanted, value, met, note=""):
    return {"name": name, "wanted": wanted, "value": value, "met": met, "note": note}


def unmeasured(name, wanted, why):
    return budget(name, wanted, "not measured", None, why)


def ratios(results, operations, pair):
    rows = results.get("data", {}).get("rows", [])
    return {
        (row["operation"], row["threads"]): row["ratios"][pair]
        for row in rows
        if row["operation"] in operations and pair in row["ratios"]
    }


def of_ratios(name, least, found):
    """Every operation has to meet it; the worst one is named."""
    wanted = f"≥ {least} ×, each operation"
    if not found:
        return unmeasured(name, wanted, "")
    (operation, threads), worst = min(found.items(), key=lambda item: item[1])
    good = sum(1 for value in found.values() if value >= least)
    mean = figures.geometric_mean(list(found.values()))
    return budget(
        name,
        wanted,
        f"{good} of {len(found)} meet it; mean {mean:.2f} ×",
        good == len(found),
        f"worst: {operation} ×{threads} {worst:.2f}",
    )


def of_devices(results, key, name):
    wanted = "p99 ≤ 2 ms after exec"
    found = results.get("injection", {}).get(key)
    if not found or not found["n"]:
        return unmeasured(name, wanted, "")
    execve = results["injection"]["execve_us"]["p50"]
    late = found["p99"] + execve if found["p99"] > 0 else 0
    met = late <= 2000 and not found["never"]
    return budget(
        name,
        wanted,
        f"p50 {found['p50'] / 1000:.2f} ms, p99 {late / 1000:.2f} ms",
        met,
        f"there at the first instruction: {found['at_once']:.0%} of {found['n']}; "
        f"execve's own {execve / 1000:.2f} ms added to the p99 where it is not 0"
        + (f"; never: {found['never']}" if found["never"] else ""),
    )


def of_docker_run(results):
    name, wanted = "docker run, with the service / without", "≤ 1.01 ×"
    found = results.get("injection", {}).get("docker_run_ms", {}).get("with/without")
    if not found:
        return unmeasured(name, wanted, "")
    sure = "" if found["high"] <= 1.01 or found["low"] > 1.01 else "; the runs are too few or too noisy to be sure"
    return budget(
        name,
        wanted,
        f"{found['ratio']:.3f} ×",
        found["ratio"] <= 1.01,
        f"95 %: {found['low']:.3f} to {found['high']:.3f}{sure}",
    )


def of_mounts(results):
    found = results.get("mounting", {}).get("ratios", {})
    for name, title in [
        ("program's start to first stat", "mount: memfs's start to its first stat / root's on the host"),
        ("mount alone", "mount alone: by the service / by root"),
        ("mount to first stat", "mount to first stat: by the service / by root"),
    ]:
        if name in found:
            value = found[name]
            yield budget(
                title,
                "≤ 1.5 ×",
                f"{value['ratio']:.2f} ×",
                value["ratio"] <= 1.5,
                f"95 %: {value['low']:.2f} to {value['high']:.2f}",
            )
        else:
            yield unmeasured(title, "≤ 1.5 ×", "")


def of_scale(results):
    found = results["scale"]
    last = found["stages"][-1]
    base = next((stage for stage in found["stages"] if stage["silos"] >= 10), found["stages"][0])
    kinds = "a disk and a network volume in each" if found["shares"] else f"{found['volumes_each'] or 'no'} volumes in each"
    yield from of_resting(last, f"{last['silos']} silos, {kinds}")
    if last is not base:
        yield from of_growth(base, last)
        yield of_publishing(found["stages"])
    yield of_churn(found["come_and_go"])


def of_resting(last, scaled):
    mebibytes = last["memory"]["pss_bytes"] / 2**20
    yield budget(
        "service's memory, with its workers",
        "≤ 32 MiB at 1,000 silos, 2 volumes each",
        f"{mebibytes:.1f} MiB",
        mebibytes <= 32,
        f"{scaled}; resident summed {last['memory']['rss_bytes'] / 2**20:.1f} MiB",
    )
    share = last["idle"]["cpu_ms"] / last["idle"]["seconds"] / 10
    yield budget(
        "service's CPU when idle",
        "none",
        f"{share:.3f} % of a core",
        last["idle"]["cpu_ms"] < 1 + 0.2 * last["idle"]["forks_of_others"],
        f"{last['idle']['cpu_ms']:.1f} ms and {last['idle']['wakeups']} wake-ups "
        f"in {last['idle']['seconds']} s, in which others "
        f"started {last['idle']['forks_of_others']} processes; {scaled}",
    )


def of_growth(base, last):
    for key, title in [
        ("volume_create_us", "a disk volume"),
        ("publish_us", "a network volume"),
        ("devices_us", "a silo's devices"),
    ]:
        few, many = base["operations"][key]["p50"], last["operations"][key]["p50"]
        if few > 0:
            yield budget(
                f"{title}: {last['silos']} silos / {base['silos']}",
                "≤ 1 ×",
                f"{many / few:.2f} ×",
                many / few <= 1.15,
                f"{many / 1000:.2f} ms against {few / 1000:.2f} ms; up to 1.15 × is noise",
            )
    if last["system_calls"] and base["system_calls"]:
        yield of_system_calls(base, last)


def of_system_calls(few, many):
    """What walks all silos shows here, however fast it is."""
    growths = {name: count / few["system_calls"][name] for name, count in many["system_calls"].items()}
    worst = max(growths, key=growths.get)
    return budget(
        f"the service's system calls for an operation: {many['silos']} silos / {few['silos']}",
        "≤ 1 ×",
        f"{growths[worst]:.2f} ×",
        growths[worst] <= 1.03,
        f"worst: {worst}, {many['system_calls'][worst]:.0f} against {few['system_calls'][worst]:.0f}; up to 1.03 × is workers forked",
    )


def of_publishing(stages):
    shown = min(stage["operations"]["opened_in_silos"] for stage in stages)
    left = max(stage["operations"]["left_in_silos"] for stage in stages)
    return budget(
        "a prefix can be opened in every silo at once, and in none when it has ended",
        "all; none",
        f"{shown:.0%}; {left:.0%}",
        shown == 1 and left == 0,
        "ten silos are asked in each stage",
    )


def of_churn(churn):
    left = {name: count for name, count in churn["left"].items() if name != "pss_bytes"}
    return budget(
        "200 containers a minute come and go",
        "nothing left behind",
        f"{sum(abs(count) for count in left.values())} things left by {churn['containers']}",
        not any(left.values()),
        f"{churn['a_minute']:.0f} a minute for {churn['seconds']:.0f} s; {', '.join(left)}; "
        f"memory {churn['left']['pss_bytes'] / 1024:+.0f} KiB",
    )


def of_operations(results):
    for threads in (1, 2):
        here = {
            key: value for key, value in ratios(results, data.METADATA, "memfs/libfuse").items() if key[1] == threads
        }
        yield of_ratios(f"metadata on /dev/fuse, {threads} client thread{'s'[:threads - 1]}: memfs / libfuse", 2, here)
    yield of_ratios("data through the server: memfs / libfuse", 1.5, ratios(results, READS_AND_WRITES, "memfs/libfuse"))
    passed = ratios(results, READS_AND_WRITES, "memfs-passed/tmpfs")
    yield of_ratios("data with pass-through: memfs / tmpfs", 0.95, passed)


def of_uring(results):
    """libfuse's own gain is what it has with 3.19, measured on such a machine: Debian's libfuse knows no io_uring."""
    rows = results["io_uring"]["rows"]
    gains = [row["ratios"]["dev"] for row in rows if row["operation"] in data.METADATA and "dev" in row["ratios"]]
    name = "metadata on io_uring: memfs's gain over its loop on /dev/fuse"
    wanted = f"≥ {1.1 * LIBFUSE_GAIN:.2f} × (1.1 × libfuse's)"
    if not gains:
        yield unmeasured(name, wanted, "")
        return
    nulls = [row["ratios"]["null, io_uring"] for row in results["io_uring"].get("null", []) if row["ratios"].get("null, io_uring")]
    if nulls:
        yield of_null_server(nulls)
    gain = figures.geometric_mean(gains)
    yield budget(name, wanted, f"mean {gain:.2f} ×", gain >= 1.1 * LIBFUSE_GAIN, "a faster loop on /dev/fuse lessens it")


def of_null_server(ratios_):
    mean = figures.geometric_mean(ratios_)
    return budget("a round trip on io_uring: memfs / a null server", "≥ 0.9 ×", f"mean {mean:.2f} ×", mean >= 0.9, "")


def of_injection(results):
    yield of_devices(results, "docker_us", "devices in a Docker container")
    yield of_devices(results, "bubblewrap_us", "devices in a bubblewrap container")
    yield of_docker_run(results)


def of_same(name, base, others, key):
    """A p50 that is to be the same in all stages; up to 1.15 × is noise."""
    few = base[key]["p50"]
    worst = max(others, key=lambda stage: stage[key]["p50"])
    ratio = worst[key]["p50"] / few
    return budget(
        f"{name} with many silos, many shares / with {base['silos']} and {base['shares']}",
        "≤ 1 ×",
        f"{ratio:.2f} ×",
        ratio <= 1.15,
        f"worst: {worst['silos']} silos, {worst['shares']} shares: {worst[key]['p50'] / 1000:.2f} ms against {few / 1000:.2f}",
    )


def of_first_claims(few, many):
    """The first claim puts /unc into all containers, and waits half a second for that; those that follow cost the same with few and many."""
    ratio = many["further_us"]["p50"] / few["further_us"]["p50"]
    return budget(
        f"a claim after the first on a host: {many['silos']} silos / {few['silos']}",
        "≤ 1 ×",
        f"{ratio:.2f} ×",
        ratio <= 1.15 and many["first_us"] <= 600000,
        f"the first one {many['first_us'] / 1000:.1f} ms and {few['first_us'] / 1000:.1f}; all have /unc after {many['all_seconds']:.1f} s",
    )


def of_shares(results):
    found = results["shares"]
    base, others = found["one"], [found["many_shares"], found["many_silos"]]
    yield of_same("publishing a prefix", base, others, "publish_us")
    yield of_same("ending it", base, others, "end_us")
    if found["first_claims"]:
        yield of_first_claims(*found["first_claims"])
    worst = max([found["ten_each"], base, *others], key=lambda stage: stage["access"]["first_us"]["p99"])
    first = worst["access"]["first_us"]
    yield budget(
        "first access to a share",
        "p99 ≤ 2 ms",
        f"p99 {first['p99'] / 1000:.2f} ms",
        first["p99"] <= 2000,
        f"worst: {worst['silos']} silos, {worst['shares']} shares; p50 {first['p50'] / 1000:.2f} ms",
    )
    ten = found["ten_each"]
    yield budget(
        f"mounts of {ten['silos']} silos that open ten of {ten['shares']} shares each",
        str(ten["wanted"]),
        str(ten["mounts"]),
        ten["mounts"] == ten["wanted"] and ten["left"] == 0,
        f"{ten['left']} when the shares have ended",
    )
    alone = found["abuse"]["nobody"]["p99"]
    name = max((name for name in found["abuse"] if name not in CONTROLS), key=lambda each: found["abuse"][each]["p99"])
    ratio = found["abuse"][name]["p99"] / alone
    yield budget(
        "first access beside containers that misbehave, p99 / undisturbed",
        "≤ 2 ×",
        f"{ratio:.2f} ×",
        ratio <= 2,
        f"worst: {name}: {found['abuse'][name]['p99'] / 1000:.2f} ms against {alone / 1000:.2f}",
    )


def of_workloads(results):
    """What differs by less than a fifth does not tell: the rounds of one workload differ by as much."""
    for name in ("ptfs", "memfs"):
        found = {row["step"]: row["ratios"][name] for row in results["workloads"]["rows"] if name in row["ratios"]}
        if not found:
            continue
        step = max(found, key=found.get)
        yield budget(
            f"everyday work: {name} / the fastest of passthrough_ll and bindfs",
            "≤ 1.2",
            f"at most {found[step]:.2f}",
            found[step] <= 1.2,
            f"{step}; mean {figures.geometric_mean(list(found.values())):.2f}",
        )


def of_winfsp(results):
    """What a layer may cost: 15 % on metadata, 5 % on data of 1 MiB, 30 % in Wine. By the rates, and by the time that server and client
    have had on the CPUs for a step, which others on the machine disturb less. More is better in both."""

    def found(program, peer, ratios):
        rows = [row for row in results["winfsp"]["rows"] if next(iter(row["targets"])) == program]
        return {(row["operation"], row["threads"]): row[ratios][peer] for row in rows if row.get(ratios, {}).get(peer)}

    for title, ratios in (("rate", "ratios"), ("CPU", "cpu_ratios")):
        yield of_ratios(f"WinFsp's API, metadata, {title}: winmemfs / memfs", 0.87, found("winmemfs", "memfs", ratios))
        yield of_ratios(f"WinFsp's API, 1 MiB, {title}: winmemfs / memfs", 0.95, found("winmemfs-data", "memfs-data", ratios))
        yield of_ratios("  the same, a memfs that copies", 0.95, found("winmemfs-data", "memfs-copying", ratios))
        in_wine = {**found("wine", "memfs", ratios), **found("wine-data", "memfs-data", ratios)}
        yield of_ratios(f"WinFsp's API in Wine, {title}: winmemfs / memfs", 0.77, in_wine)


def judge(results):
    """Of the sections that were run."""
    by_section = {"injection": of_injection, "mounting": of_mounts, "scale": of_scale, "data": of_operations, "io_uring": of_uring}
    by_section["shares"] = of_shares
    by_section["workloads"] = of_workloads
    by_section["winfsp"] = of_winfsp
    return [entry for name, judged in by_section.items() if name in results for entry in judged(results)]
