# SPDX-License-Identifier: MIT
"""The operations as an SVG: a dot for each file system on a logarithmic axis, its extremes, the ratio beside it."""
import math
from xml.sax.saxutils import escape

COLOURS = {
    "memfs": "#c0392b",
    "memfs-cached": "#e59866",
    "memfs-passed": "#b7950b",
    "libfuse": "#2e6da4",
    "passthrough_ll": "#85aed3",
    "tmpfs": "#555555",
}
ROW, LEFT, PANEL, RIGHT, TOP, GAP = 22, 130, 420, 70, 74, 40


def decade(value):
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


class Panel:
    """The rows of one count of client threads."""

    def __init__(self, rows, left, low, high):
        self.rows, self.left = rows, left
        self.low, self.high = math.floor(math.log10(low)), math.ceil(math.log10(high))

    def x(self, value):
        return self.left + PANEL * (math.log10(value) - self.low) / (self.high - self.low)

    def axis(self, height):
        for power in range(self.low, self.high + 1):
            x = self.x(10**power)
            yield f'<line x1="{x:.1f}" y1="{TOP - 8}" x2="{x:.1f}" y2="{height - 20}" stroke="#ddd"/>'
            yield f'<text x="{x:.1f}" y="{TOP - 14}" text-anchor="middle" fill="#777">{decade(10**power)}</text>'

    def cell(self, y, name, cell):
        colour = COLOURS.get(name, "#000")
        yield (
            f'<line x1="{self.x(cell["min"]):.1f}" y1="{y}" x2="{self.x(cell["max"]):.1f}" y2="{y}" '
            f'stroke="{colour}" stroke-width="2" opacity="0.5"/>'
        )
        yield (
            f'<circle cx="{self.x(cell["median"]):.1f}" cy="{y}" r="4" fill="{colour}">'
            f'<title>{escape(name)}: {cell["median"]:.0f}/s</title></circle>'
        )

    def draw(self, names, height):
        yield from self.axis(height)
        for number, row in enumerate(self.rows):
            y = TOP + number * ROW
            for name in names:
                cell = row["targets"].get(name)
                if cell and "median" in cell:
                    yield from self.cell(y, name, cell)
            ratio = row["ratios"].get("memfs/libfuse")
            if ratio:
                weight = "bold" if ratio >= 2 else "normal"
                yield f'<text x="{self.left + PANEL + 8}" y="{y + 4}" font-weight="{weight}">{ratio:.2f} ×</text>'


def legend(names):
    x = LEFT
    for name in names:
        yield f'<circle cx="{x}" cy="36" r="4" fill="{COLOURS.get(name, "#000")}"/>'
        yield f'<text x="{x + 8}" y="40">{escape(name)}</text>'
        x += 26 + 7 * len(name)


def draw(results):
    data = results["data"]
    counts = sorted({row["threads"] for row in data["rows"]})
    shown = [row for row in data["rows"] if any(cell and "median" in cell for cell in row["targets"].values())]
    cells = [cell for row in shown for cell in row["targets"].values() if cell and "median" in cell]
    low, high = min(cell["min"] for cell in cells), max(cell["max"] for cell in cells)
    names = list(data["targets"])
    labels = [row["operation"] for row in shown if row["threads"] == counts[0]]
    height = TOP + ROW * len(labels) + 24
    width = LEFT + len(counts) * (PANEL + RIGHT + GAP)
    facts = results["machine"]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="{LEFT}" y="20" font-weight="bold">Operations a second, by client threads; at the right memfs / '
        f'libfuse (LinFsp {escape(facts["commit"])}, Linux {escape(facts["kernel"])})</text>',
        *legend(names),
    ]
    for number, label in enumerate(labels):
        y = TOP + number * ROW
        parts.append(f'<text x="{LEFT - 12}" y="{y + 4}" text-anchor="end">{escape(label)}</text>')
    for number, count in enumerate(counts):
        left = LEFT + number * (PANEL + RIGHT + GAP)
        rows = [row for row in shown if row["threads"] == count]
        parts.append(f'<text x="{left}" y="{height - 6}" fill="#777">×{count}</text>')
        parts += Panel(rows, left, low, high).draw(names, height)
    return "\n".join(parts) + "\n</svg>\n"
