"""docs/stats.md has every field of the stats line and every metric once, and no others."""

import json
import re
import signal

from harness import Edge, EdgeTest, car, not_found, sends, wait_for
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
        cls.attempts = world.folder / "attempts.ndjson"
        cls.edge = Edge(world, workers=1, patient=True, broker_flags=[
            "--cache-dir", world.subfolder("cache"), "--cache-limit", "64M",
            "--attempts-file", cls.attempts])

    def test_each_field_of_the_stats_line_is_documented_once(self):
        line = self.edge.wait_stats(lambda row: row[BY_PID], "a line with a worker")
        self.assertEqual(sorted(fields_of(line)), sorted(documented_fields()))

    def wait_attempts(self, count):
        """Waits for so many lines in the file of attempts, and returns them."""
        def lines():
            text = self.attempts.read_text() if self.attempts.exists() else ""
            return text.splitlines() if text.count("\n") >= count else None
        return [json.loads(line) for line in wait_for(lines, f"{count} attempts are written down")]

    def test_each_attempt_has_a_documented_line_also_after_a_rotation(self):
        root, body, _ = car.file_car(car.numbered("attempts", 9_000))
        other, _, _ = car.file_car(car.numbered("nobody has it", 9_000))
        l2 = self.edge.fake("home", lambda l2, order: (
            sends(body) if order["root"] == root else not_found)(l2, order))
        answer = self.edge.car(root, headers=[("X-Request-Id", "pay-1")])
        self.assertEqual(answer.status, 200)
        line, = self.wait_attempts(1)
        self.assertEqual(sorted(line), sorted(name.strip("`") for name, _ in rows("key")))
        order = l2.orders[0]
        self.assertEqual({**line, "time": 0, "first_byte_ms": 0, "duration_ms": 0}, {
            "time": 0, "l2": "home", "root": root, "requestId": order["requestId"],
            "traceId": "pay-1", "worker": 0, "received_bytes": len(body),
            "used_bytes": len(answer.body), "first_byte_ms": 0, "duration_ms": 0,
            "outcome": "complete", "number": 1, "skip": 0})
        self.assertLessEqual(line["first_byte_ms"], line["duration_ms"])
        old = self.attempts.with_suffix(".1")
        self.attempts.rename(old)
        self.edge.broker.signal(signal.SIGHUP)
        wait_for(self.attempts.exists, "the file is opened anew")
        self.assertEqual(self.edge.car(other).status, 404)
        line, = self.wait_attempts(1)
        self.assertEqual([line["root"], line["outcome"], line["used_bytes"]],
                         [other, "not_found", 0])
        self.assertEqual(old.read_text().count("\n"), 1)

    def test_each_metric_is_documented_once_in_its_order_with_its_help(self):
        metrics = metrics_of(self.edge.admin("/metrics").body.decode())
        documented = [(name.strip("`"), kind, meaning) for name, kind, meaning in rows("metric")]
        self.assertEqual([metric[:2] for metric in metrics],
                         [[name, kind] for name, kind, _ in documented])
        for (name, _, text), (_, _, meaning) in zip(metrics, documented):
            self.assertTrue(meaning.startswith(text), f"{name}: {meaning}")
