# SPDX-License-Identifier: MIT
"""Sums of samples: what a reader needs to judge a figure, and no more."""
import random
import statistics


def percentile(samples, share):
    """The value that this share of the samples does not exceed."""
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def summary(samples):
    """Median, extremes, and the spread: how far these are apart, as a share of the median."""
    middle = statistics.median(samples)
    return {
        "median": middle,
        "min": min(samples),
        "max": max(samples),
        "spread": (max(samples) - min(samples)) / middle if middle else 0.0,
        "n": len(samples),
    }


def distribution(samples):
    return {
        "n": len(samples),
        "min": min(samples),
        "p50": percentile(samples, 0.5),
        "p90": percentile(samples, 0.9),
        "p99": percentile(samples, 0.99),
        "max": max(samples),
    }


def ratio(ours, theirs):
    """The median of the ratios of each round: what slows a whole round down, slows both."""
    pairs = [a / b for a, b in zip(ours, theirs) if b]
    return statistics.median(pairs) if pairs else None


def least(samples):
    """The mean of the smallest quarter. For times on a CPU: whatever else goes on only adds to them, by what it does to the caches."""
    ordered = sorted(samples)
    return statistics.mean(ordered[: max(1, len(ordered) // 4)])


def ratio_of_medians(ours, theirs, rounds=2000):
    """The ratio of two medians with its 95 % interval (bootstrap). For runs that are interleaved but not paired."""
    chance = random.Random(1)
    guesses = sorted(
        statistics.median(chance.choices(ours, k=len(ours))) / statistics.median(chance.choices(theirs, k=len(theirs)))
        for _ in range(rounds)
    )
    return {
        "ratio": statistics.median(ours) / statistics.median(theirs),
        "low": guesses[int(0.025 * rounds)],
        "high": guesses[int(0.975 * rounds)],
    }


def ratio_of_blocks(ours, theirs, rounds=2000):
    """The geometric mean of the ratios of the blocks' medians, with its 95 % interval (bootstrap over the blocks). For
    blocks that took turns: what changes slowly on the machine, changes both of a pair."""
    pairs = [statistics.median(a) / statistics.median(b) for a, b in zip(ours, theirs)]
    chance = random.Random(1)
    guesses = sorted(geometric_mean(chance.choices(pairs, k=len(pairs))) for _ in range(rounds))
    return {"ratio": geometric_mean(pairs), "low": guesses[int(0.025 * rounds)], "high": guesses[int(0.975 * rounds)]}


def geometric_mean(values):
    return statistics.geometric_mean(values) if values else None
