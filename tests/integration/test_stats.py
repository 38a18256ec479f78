"""docs/stats.md has every field of the stats line and every metric once, and no others."""

import re

from harness import Edge, EdgeTest
from harness.case import ROOT

PAGE = ROOT / "docs" / "stats.md"
# An object whose fields are no fixed ones: pids.
BY_PID = "workers_silent_ms"


def rows(first_head):
    """The cells of a table of the page, by the head of its first column."""
    table = PAGE.read_text().split(f"| {first_head} |", 1)[1].split("\n\n", 1)[0]
    return [[cell.strip() for cell in line.strip("|").split("|")]
            for line in table.splitlines()[2:]]


def documented_fields():
    """`clients.joins`, `.spools` in one cell are clients.joins and clients.spools."""
    for cell, *_ in rows("field"):
        parent = ""
        for name in re.findall(r"`([^`]+)`", cell):
            parent = parent if name.startswith(".") else name.rpartition(".")[0]
            yield parent + name if name.startswith(".") else name


def fields_of(line):
    """An object's name, and its fields as object.field."""
    for name, value in line.items():
        yield name
        if isinstance(value, dict) and name != BY_PID:
            yield from (f"{name}.{field}" for field in value)


def metrics_of(text):
    """(name with its label, kind, help) of each metric, in their order."""
    metrics = {}
    for line in text.splitlines():
        if match := re.match(r"# HELP (\S+) (.*)", line):
            metrics[match[1]] = [match[1], "", match[2]]
        elif match := re.match(r"# TYPE (\S+) (\S+)", line):
            metrics[match[1]][1] = match[2]
        elif (match := re.match(r'(\w+)\{(\w+)="', line)) and match[1] in metrics:
            metrics[match[1]][0] = f"{match[1]}{{{match[2]}}}"
    return list(metrics.values())


class Stats(EdgeTest):
    @classmethod
    def begin(cls, world):
        # Without a cache /metrics lacks the cache's sizes.
        cls.edge = Edge(world, workers=1, broker_flags=[
            "--cache-dir", world.subfolder("cache"), "--cache-limit", "64M"])

    def test_each_field_of_the_stats_line_is_documented_once(self):
        line = self.edge.wait_stats(lambda row: row[BY_PID], "a line with a worker")
        self.assertEqual(sorted(fields_of(line)), sorted(documented_fields()))

    def test_each_metric_is_documented_once_in_its_order_with_its_help(self):
        metrics = metrics_of(self.edge.admin("/metrics").body.decode())
        documented = [(name.strip("`"), kind, meaning) for name, kind, meaning in rows("metric")]
        self.assertEqual([metric[:2] for metric in metrics],
                         [[name, kind] for name, kind, _ in documented])
        for (name, _, text), (_, _, meaning) in zip(metrics, documented):
            self.assertTrue(meaning.startswith(text), f"{name}: {meaning}")
