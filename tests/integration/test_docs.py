"""Every command that README.md and docs/ show runs here as it stands there, but for ports, paths and
placeholders. The blocks are read from the pages, so that a page cannot say what no longer works; a
block with commands that the table at the end does not know fails."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import threading
import unittest

from harness import Edge, EdgeTest, binary, car, free_port, get, wait_for
from harness.case import ROOT
from harness.process import PATIENCE

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
RUN_SECONDS = 180
# The ports that the pages name, and whose they are.
PORTS = {"80": "client", "8080": "client", "8090": "l2", "8091": "admin"}
# What is not run, and why.
NOT_RUN = {"cmake": "the build", "deploy/install-deps": "the build; test_scripts asks what it lacks",
           "tests/run": "runs this test", "build/release/bench/bench_ring": "the build; it measures",
           "build/release/bench/bench_crowd": "the build; it measures",
           "useradd": "would stay on this machine"}
# What is run: nothing that changes the machine outside of the test's folder.
ALLOWED = ("curl ", "mkdir ", "tail ", "jq ", "deploy/daphnis ", "deploy/quickstart", "bench/",
           "build/release/l2/daphnis-l2 ", "daphnis-l2 ", "build/release/broker/daphnis-broker ",
           "daphnis-broker ", "head -c 32 ", "echo TOKEN ", "openssl rand ", "install -m 600 ",
           "mv ")


class Block:
    """An indented block of a page: its lines, and its commands with continuation lines joined."""

    def __init__(self, page, line, lines):
        self.page, self.line, self.lines = page, line, lines
        self.commands = "\n".join(lines).replace("\\\n", " ").split("\n")
        self.name = f"{page}:{line}"

    def has_commands(self):
        return any(is_command(line) for line in self.commands)


def blocks(path):
    found, current, before = [], [], ""
    for number, line in enumerate(path.read_text().split("\n") + ["", "end"], 1):
        if line.startswith("    ") and (current or not before.strip()):
            current.append(line[4:])
        elif current and not line.strip():
            current.append("")
        elif current:
            while not current[-1]:
                current.pop()
            found.append(Block(str(path.relative_to(ROOT)), number, current))
            current = []
        before = line
    return found


def is_command(line):
    words = line.split()
    if not words or line.startswith(" "):
        return False
    word = words[0]
    return bool(re.match(r"[a-z_]+=\S", line) or word.startswith(("build/", "daphnis-"))
                or shutil.which(word) or (ROOT / word).is_file())


class How:
    """How a block is run. `before` and `after` name methods of the scene; `endless` says of commands
    that do not end, by their beginning, what they must print; `puts` is put in for other text.
    `usage`: the block shows flags, which --help must know. `script`: it is one command that does not
    end. `shown`: no commands, though it looks like it."""

    def __init__(self, before=None, after=None, endless=None, puts=None, usage=False, script=False,
                 shown=None):
        self.before, self.after = before, after
        self.endless, self.puts = endless or {}, puts or {}
        self.usage, self.script, self.shown = usage, script, shown


class Scene:
    """What the commands of one page find: a folder that looks like a checkout, an edge, variables."""

    def __init__(self, test):
        self.test, self.world = test, test.world
        self.folder = self.world.subfolder("checkout")
        self.bin = pathlib.Path(os.environ["DAPHNIS_BIN"]).resolve()
        self.edge, self.results, self.started = None, {}, {}
        self.use_ports(free_port(), free_port(), free_port())
        self.words = {}
        for name in ("deploy", "bench", "docs", "tests"):
            (self.folder / name).symlink_to(ROOT / name)
        for name in ("broker", "worker", "l2"):
            program = f"daphnis-{name}"
            for link in (f"build/release/{name}/{program}", f"bin/{program}"):
                (self.folder / link).parent.mkdir(parents=True, exist_ok=True)
                (self.folder / link).symlink_to(binary(program))
        # What else a page needs, it must make.
        self.movie = car.numbered("holiday", 3 << 20)
        (self.folder / "holiday.mp4").write_bytes(self.movie)

    def use_ports(self, client, l2, admin):
        self.ports = {"client": client, "l2": l2, "admin": admin}
        self.variables = {
            "PATH": f"{self.folder}/bin:{os.environ['PATH']}", "L1": f"http://127.0.0.1:{l2}",
            "DAPHNIS_LISTEN": f"127.0.0.1:{client}", "DAPHNIS_L2_LISTEN": f"127.0.0.1:{l2}",
            "DAPHNIS_ADMIN_LISTEN": f"127.0.0.1:{admin}", "DAPHNIS_RUN_DIR": f"{self.folder}/run",
            "DAPHNIS_LOG_DIR": f"{self.folder}/log",
            "DAPHNIS_LOG_DIR": f"{self.folder}/log", "DAPHNIS_BIN_DIR": str(self.bin)}

    def put_in(self, text, puts):
        for old, new in puts.items():
            self.test.assertIn(old, text)
            text = text.replace(old, new)
        for old, new in {"http://EDGE/": f"http://127.0.0.1:{self.ports['client']}/",
                         "/srv/daphnis": f"{self.folder}/cache",
                         "/etc/daphnis": f"{self.folder}/etc", "/run/daphnis": f"{self.folder}/run",
                         **self.words}.items():
            text = text.replace(old, new)
        text = re.sub(r"\bcurl ", "curl -f ", text)  # A status of 400 and more is an error.
        text = re.sub(r"\bCID\b", self.results.get("pack", "CID"), text)
        text = re.sub(r"\bTOKEN\b", self.results.get("mint-token", "TOKEN"), text)
        return re.sub(r"([\w.]+|\[::\]):(%s)\b" % "|".join(PORTS),
                      lambda found: f"127.0.0.1:{self.ports[PORTS[found[2]]]}", text)

    # --- Running ---

    def run(self, block, how):
        if how.shown:
            return
        if how.usage:
            return self.check_usage(block)
        if how.before:
            getattr(self, how.before)()
        if how.script:
            self.start(block.name, self.put_in("\n".join(block.lines), how.puts))
        else:
            self.run_commands(block, how)
        if how.after:
            getattr(self, how.after)()

    def run_commands(self, block, how):
        output = ""
        for command in block.commands:
            if command.startswith("{"):
                self.test.assertEqual(json.loads(command), json.loads(output), block.name)
                continue
            self.test.assertTrue(is_command(command), f"{block.name}: what is this? {command}")
            self.test.assertTrue(
                command.startswith((*ALLOWED, *NOT_RUN)),
                f"{block.name}: say in ALLOWED or NOT_RUN whether a test may run {command}")
            beginning = [text for text in {**how.endless, **NOT_RUN}
                         if command.startswith(text)]
            puts = {old: new for old, new in how.puts.items() if old in command}
            if beginning and beginning[0] in how.endless:
                process = self.start(command.split()[0].replace("/", "-"),
                                     self.put_in(command, puts))
                wait_for(lambda: how.endless[beginning[0]] in process.text(),
                         f"{command} prints {how.endless[beginning[0]]}", RUN_SECONDS)
            elif not beginning:
                output = self.shell(self.put_in(command, puts))
                self.results[self.verb(command)] = output.strip()

    @staticmethod
    def verb(command):
        words = command.split()
        return words[1] if words[0].endswith(("daphnis-l2", "daphnis-broker")) else words[0]

    def shell(self, command):
        done = subprocess.run(["bash", "-c", f"set -o pipefail; {command}"], cwd=self.folder,
                              env={**os.environ, **self.variables}, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              timeout=RUN_SECONDS * PATIENCE)
        self.test.assertEqual(0, done.returncode, f"{command}\n{done.stdout}{done.stderr}")
        return done.stdout

    def start(self, name, command):
        name = re.sub(r"\W+", "-", name)
        self.started[name] = self.world.start(
            name, ["bash", "-c", f"cd {self.folder}; {command}"], env=self.variables)
        return self.started[name]

    def check_usage(self, block):
        for command in block.commands:
            program, verb = command.split()[:2]
            verb = [verb] if verb.isalpha() else []
            known = self.shell(" ".join([program, *verb, "--help"]))
            for flag in re.findall(r"--[a-z0-9-]+", command):
                self.test.assertRegex(known, re.escape(flag) + r"\b", f"{block.name}: {flag}")

    # --- What blocks need, and what must have come of them ---

    def stop_supervisor_at_the_end(self):
        def stop():  # Whatever comes of it, so that all else is stopped as well.
            subprocess.run(["deploy/daphnis", "stop", "--drain-seconds", "1"], cwd=self.folder,
                           env={**os.environ, **self.variables}, stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False,
                           timeout=RUN_SECONDS * PATIENCE)
        self.world.on_close(stop)

    def have_edge(self):
        if self.edge:
            return
        self.edge = Edge(self.world, broker_flags=[
            "--cache-dir", self.world.folder / "edge-cache", "--first-byte-ms", "30000",
            "--attempts-file", self.folder / "attempts.ndjson"])
        clients, l2s = map(self.edge.in_clear, (self.edge.client_port, self.edge.l2_port))
        self.use_ports(clients, l2s, self.edge.admin_port)
        (self.folder / "stats.ndjson").symlink_to(self.edge.stats_path)

    def have_stats(self):
        self.have_edge()
        self.edge.wait_stats(lambda row: True, "statistics come")

    def have_cids(self):
        self.have_edge()
        (self.folder / "cids.txt").write_text("bafkqaaa\n")
        self.words["bafy…"] = "bafkqaaa"

    def is_same_movie(self):
        self.test.assertEqual(self.movie, (self.folder / "copy.mp4").read_bytes())

    def ask(self, root):
        """A client asks for it; its answer comes in self.answer."""
        self.answer = None

        def fetch():
            self.answer = get(self.ports["client"], f"/ipfs/{root}?format=car",
                              seconds=RUN_SECONDS)
        threading.Thread(target=fetch, daemon=True).start()

    def have_order(self, root):
        """What is registered by curl is asked for it; ROOT and ID say what and as which order."""
        stream = self.world.folder / "curl.log"
        self.ask(root)
        # curl's progress may stand before a line.
        order = re.compile('"requestId":"([^"]+)","root":"%s"' % root)
        found = wait_for(lambda: order.search(stream.read_text()), "an order line comes",
                         RUN_SECONDS)
        self.variables.update(ROOT=root, ID=found[1])

    def have_order_for_my_car(self):
        self.root, body, _ = car.file_car(car.numbered("my", 100_000))
        (self.folder / "my.car").write_bytes(body)
        self.have_order(self.root)

    def is_answered(self):
        wait_for(lambda: self.answer, "the client is answered", RUN_SECONDS)
        self.test.assertEqual((200, (self.folder / "my.car").read_bytes()),
                              (self.answer.status, self.answer.body))

    def have_order_for_another(self):
        self.have_order(car.text(car.cid(0x55, b"not here")))

    def is_not_found(self):
        wait_for(lambda: self.answer, "the client is answered", RUN_SECONDS)
        self.test.assertEqual(404, self.answer.status)

    def have_session(self):
        stream = (self.world.folder / "curl.log").read_text()
        self.variables["SESSION"] = re.search(r"Daphnis-Session: ([0-9a-f]{32})", stream)[1]

    def have_other_root(self):
        """The registered curl gives its place to the L2 of bash."""
        self.root, body, _ = car.file_car(car.numbered("bash", 100_000))
        (self.folder / "my.car").write_bytes(body)
        self.words["bafy…"] = self.root
        self.started["curl"].stop()
        self.started["curl"].end_group()
        wait_for(lambda: not self.l2s(), "curl is registered no more")

    def l2s(self):
        return [json.loads(line) for line in self.shell(
            f"curl -sf 127.0.0.1:{self.ports['admin']}/l2s").splitlines()]

    def is_registered(self):
        wait_for(self.l2s, "the L2 is registered", RUN_SECONDS)

    def is_answered_by_bash(self):
        self.is_registered()
        self.ask(self.root)
        self.is_answered()


# As ourselves: another user cannot look into the test's folder. A busy machine starts late.
STARTS = {"deploy/daphnis start": "deploy/daphnis start --user $(id -un) --start-seconds 120"}

# How each block with commands is run, by its page and the beginning of its first command.
TABLE = {
    ("README.md", "deploy/quickstart"): How(
        puts={"deploy/quickstart": "deploy/quickstart --check --bin-dir $DAPHNIS_BIN_DIR"}),
    ("README.md", "deploy/install-deps"): How(
        before="stop_supervisor_at_the_end", puts=STARTS, endless={"tail -F": "{"}),
    ("README.md", "mkdir -p store"): How(
        endless={"build/release/l2/daphnis-l2 serve": "event=registered"}),
    ("README.md", "curl -fo copy.car"): How(after="is_same_movie"),
    ("docs/cache.md", "daphnis-broker …"): How(usage=True),
    ("docs/cache.md", "curl http://127.0.0.1:8091/cache"): How(before="have_cids"),
    ("docs/l2.md", "mkdir -p store"): How(
        before="have_edge", endless={"daphnis-l2 serve": "event=registered"}),
    ("docs/l2.md", "curl -sf"): How(after="is_same_movie"),
    ("docs/l2.md", "daphnis-l2 serve --l1 URL…"): How(usage=True),
    ("docs/l2.md", "time=…"): How(shown="a line of the log"),
    ("docs/l2.md", "daphnis-l2 pack FILE|DIR"): How(usage=True),
    ("docs/l2.md", "daphnis-l2 unpack X.car|-"): How(usage=True),
    ("docs/operations.md", "deploy/daphnis start --l2-auth"): How(usage=True),
    ("docs/operations.md", "deploy/daphnis start --l2-listen"): How(usage=True),
    ("docs/operations.md", "deploy/daphnis start --listen"): How(usage=True),
    ("docs/operations.md", "#!/bin/sh"): How(shown="a hook of certbot"),
    ("docs/operations.md", "openssl rand 80 | install"): How(),
    ("docs/operations.md", "openssl rand 80 | cat"): How(),
    ("docs/operations.md", "deploy/daphnis start"): How(
        before="stop_supervisor_at_the_end", puts=STARTS,
        endless={"deploy/daphnis logs -f": "event="}),
    ("docs/operations.md", "curl -s 127.0.0.1:8091/cache"): How(before="have_cids"),
    ("docs/operations.md", "head -c 32"): How(),
    ("docs/performance.md", "cmake"): How(
        # They measure for minutes and want a quiet machine with nginx, HAProxy and Varnish.
        puts={"bench/miss": "bench/miss --help", "bench/hit": "bench/hit --help",
              "bench/failover": "bench/failover --help",
              "bench/overload/run": "bench/overload/run --help",
              "bench/tls": "bench/tls --help", "bench/before": "bench/before --help"}),
    ("docs/protocol-l2.md", "curl -iN"): How(
        before="have_edge", endless={"curl -iN": "\n"}, after="is_registered"),
    ("docs/protocol-l2.md", "curl -T my.car"): How(
        before="have_order_for_my_car", after="is_answered"),
    ("docs/protocol-l2.md", "curl -X POST -H"): How(
        before="have_order_for_another", after="is_not_found"),
    ("docs/protocol-l2.md", "curl --data-binary"): How(),
    ("docs/protocol-l2.md", "curl -H"): How(before="have_session"),
    ("docs/protocol-l2.md", "id=my-home"): How(
        before="have_other_root", script=True, after="is_answered_by_bash"),
    ("docs/stats.md", "tail -F stats.ndjson"): How(
        before="have_stats", puts={"tail -F": "tail -n 1"}),  # jq keeps what it prints to a file.
    ("docs/stats.md", "jq -s 'group_by(.l2)"): How(before="have_edge"),
    ("docs/stats.md", "curl -s 127.0.0.1"): How(before="have_edge"),
}


def row_of(block):
    rows = [key for key in TABLE if key[0] == block.page and block.lines[0].startswith(key[1])]
    return rows[0] if rows else None


class DocsTest(EdgeTest):
    def test_the_table_knows_every_block_with_commands_and_no_other(self):
        for page in PAGES:
            self.assertNotIn("```", page.read_text(), f"{page.name}: indent blocks, so that they run")
        found = [block for page in PAGES for block in blocks(page)]
        unknown = [f"{block.name}: {block.lines[0]}" for block in found
                   if block.has_commands() and not row_of(block)]
        self.assertEqual([], unknown, "say in TABLE of test_docs.py how these are run")
        self.assertEqual([], [key for key in TABLE if key not in map(row_of, found)],
                         "rows of TABLE for blocks that are not there any more")


def page_test(page):
    def test(self):
        scene = Scene(self)
        for block in blocks(page):
            if row_of(block):
                with self.subTest(block.name):
                    scene.run(block, TABLE[row_of(block)])
    return test


for path in PAGES:
    if any(key[0] == str(path.relative_to(ROOT)) for key in TABLE):
        setattr(DocsTest, f"test_{path.stem.lower().replace('-', '_')}_does_what_it_says",
                page_test(path))


if __name__ == "__main__":
    unittest.main()
