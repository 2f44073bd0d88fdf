# SPDX-License-Identifier: MIT
"""Tells on standard error what is being measured, which section of how many that is, and how long the rest will take.

On a terminal that is one line, which the next one replaces. Anywhere else it is a line at the beginning of each section, and then one
every QUIET seconds, so that whoever reads a log sees that the run goes on.
"""
import io
import shutil
import sys
import threading
import time
import unittest

QUIET = 15
# What each section takes on two processors that others use, too: quick as it was measured, full as its rounds, containers and shares make
# of that; workloads as measured. Options change that, so it is told as "about".
SECONDS = {
    "full": {
        "data": 300,
        "injection": 75,
        "mounting": 12,
        "scale": 200,
        "shares": 100,
        "io_uring": 20,
        "round-trips": 15,
        "folders": 60,
        "winfsp": 120,
        "workloads": 240,
    },
    "quick": {
        "data": 138,
        "injection": 26,
        "mounting": 4,
        "scale": 18,
        "shares": 5,
        "io_uring": 8,
        "round-trips": 6,
        "folders": 27,
        "winfsp": 53,
        "workloads": 125,
    },
}


def in_words(seconds):
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


class Progress:
    def __init__(self, sections, mode, stream=sys.stderr, clock=time.monotonic):
        self.sections, self.expected, self.stream, self.clock = sections, SECONDS[mode], stream, clock
        self.section, self.text = None, ""
        self.entered = self.told = 0
        self.ended = threading.Event()

    def begin(self):
        self._line(f"bench: {len(self.sections)} sections take about {in_words(self._expect(self.sections))}: {', '.join(self.sections)}")
        threading.Thread(target=self._go_on, daemon=True).start()

    def enter(self, section):
        """The section that is measured from now on."""
        self.section, self.text, self.entered = section, "", self.clock()
        if self.stream.isatty():
            self._replace(self._what())
        else:
            self._line(f"bench: {self._what()}")

    def say(self, text):
        """What is done within the section."""
        self.text = text
        if self.stream.isatty():
            self._replace(self._what())

    def tick(self):
        """Called often: a line is due, or is not."""
        if self.section and not self.stream.isatty() and self.clock() - self.told >= QUIET:
            self._line(f"bench: {self._what()}, for {in_words(self.clock() - self.entered)}")

    def end(self):
        self.ended.set()
        self.section = None
        if self.stream.isatty():
            self._replace("")

    def _go_on(self):
        while not self.ended.wait(1):
            self.tick()

    def _expect(self, sections):
        return sum(self.expected.get(section, 60) for section in sections)

    def _what(self):
        number = self.sections.index(self.section)
        rest = in_words(self._expect(self.sections[number:]))
        return f"{self.section} ({number + 1} of {len(self.sections)}, about {rest} left)" + (f": {self.text}" if self.text else "")

    def _replace(self, line):
        width = shutil.get_terminal_size().columns - 1
        print("\r" + line[:width].ljust(width), end="", file=self.stream, flush=True)

    def _line(self, line):
        print(line, file=self.stream, flush=True)
        self.told = self.clock()


class TestProgress(unittest.TestCase):
    def setUp(self):
        self.now = 0
        SECONDS["test"] = {"data": 100, "scale": 200}
        self.addCleanup(SECONDS.pop, "test")

    def run_through(self, stream):
        progress = Progress(["data", "scale"], "test", stream, lambda: self.now)
        progress.begin()
        progress.enter("data")
        for self.now in range(40):
            if self.now % 18 == 4:
                progress.say(f"round {self.now // 18 + 1}")
            progress.tick()
        progress.enter("scale")
        progress.end()
        return stream.getvalue()

    def test_a_log_has_a_line_for_each_section_and_for_each_quarter_of_a_minute(self):
        self.assertEqual(
            self.run_through(io.StringIO()).splitlines(),
            [
                "bench: 2 sections take about 5 min: data, scale",
                "bench: data (1 of 2, about 5 min left)",
                "bench: data (1 of 2, about 5 min left): round 1, for 15 s",
                "bench: data (1 of 2, about 5 min left): round 2, for 30 s",
                "bench: scale (2 of 2, about 3 min left)",
            ],
        )

    def test_a_terminal_has_one_line_that_is_replaced(self):
        stream = io.StringIO()
        stream.isatty = lambda: True
        said = self.run_through(stream)
        self.assertEqual(said.count("\n"), 1)
        self.assertIn("round 2 ", said)
        self.assertTrue(said.endswith("\r" + " " * (shutil.get_terminal_size().columns - 1)))


if __name__ == "__main__":
    unittest.main()
