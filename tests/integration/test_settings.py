"""What operators write: names mean the same in all programs, and a check starts nothing."""

import re
import signal
import subprocess

from harness import ROOT, Connection, Edge, EdgeTest, binary, wait_for

PROC = ROOT / "deploy" / "lib" / "proc.sh"


def flags_of(*command):
    """{flag: what --help says of it}"""
    text = subprocess.run([*command, "--help"], capture_output=True, text=True, check=True).stdout
    flags, name = {}, None
    for line in text.splitlines():
        if match := re.match(r"\s+(?:-\w,)?(--[a-z0-9-]+)", line):
            name = match[1]
            flags[name] = ""
        elif name and line.startswith(" " * 20):
            flags[name] += line.strip() + " "
    return flags


class Settings(EdgeTest):
    def test_a_flag_of_two_programs_means_the_same_in_both(self):
        broker = flags_of(binary("daphnis-broker"))
        worker = flags_of(binary("daphnis-worker"))
        l2 = flags_of(binary("daphnis-l2"), "serve")
        shared = 0
        for a, b in ((broker, worker), (broker, l2), (worker, l2)):
            for name in a.keys() & b.keys() - {"--socket", "--help"}:
                self.assertEqual(a[name], b[name], name)
                shared += 1
        self.assertGreater(shared, 2)

    def test_a_check_starts_nothing_and_says_how_it_came_out(self):
        socket = self.world.folder / "checked.sock"
        for program, flags in (("daphnis-broker", ["--socket", socket]),
                               ("daphnis-worker", ["--socket", socket, "--listen", ":8080"])):
            with self.subTest(program):
                done = subprocess.run([binary(program), *flags, "--check-config"],
                                      capture_output=True, text=True, timeout=30)
                self.assertEqual(0, done.returncode, done.stderr)
                self.assertIn("the settings are good", done.stdout)
                self.assertFalse(socket.exists())
                for wrong in (["--check-config"], []):
                    done = subprocess.run([binary(program), *flags, "--log-levle", "info", *wrong],
                                          capture_output=True, text=True, timeout=30)
                    self.assertEqual(2, done.returncode)
                    self.assertIn("unknown flag --log-levle; did you mean --log-level?",
                                  done.stderr)

    def test_an_l2_is_checked_as_a_whole(self):
        serve = [binary("daphnis-l2"), "serve", "--store", self.world.folder, "--check-config"]
        done = subprocess.run([*serve, "--l1", "http://127.0.0.1:8090"], capture_output=True,
                              text=True, timeout=30)
        self.assertEqual((0, "daphnis-l2: the settings are good\n"),
                         (done.returncode, done.stdout))
        self.assertEqual([], list(self.world.folder.glob(".daphnis*")))
        for wrong in ([], ["--l1", "ftp://x"], ["--l1", "http://x", "--id", "a b"]):
            done = subprocess.run([*serve, *wrong], capture_output=True, text=True, timeout=30)
            self.assertEqual(2, done.returncode, wrong)
            self.assertTrue(done.stderr.startswith("daphnis-l2: "), done.stderr)
        settings = self.world.folder / "l2.ini"
        for wrong in ("id = a b", "l1 = ftp://x"):
            settings.write_text(f"[serve]\n{wrong}\n")
            done = subprocess.run([*serve, "--config", settings], capture_output=True, text=True,
                                  timeout=30)
            self.assertEqual(2, done.returncode, done.stderr)
            self.assertIn(f"{settings}:2: {wrong}", done.stderr)

    def both(self, function, flag, text):
        """(does the script take it, does the broker take it)"""
        script = subprocess.run(["bash", "-c", f'. "$1" && {function} "$2"', "bash", PROC, text],
                                timeout=30)
        broker = subprocess.run([binary("daphnis-broker"), "--check-config", f"{flag}={text}"],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=30)
        return script.returncode == 0, broker.returncode == 0

    def test_the_scripts_read_sizes_and_addresses_as_the_programs_do(self):
        for text in ("4096", "64K", "10 GiB", "1gb", "3b", "2Ti"):
            self.assertEqual((True, True), self.both("read_size", "--cache-limit", text), text)
        for text in ("", "x", "1.5G", "1KBB", "-1", "1X", "99999999999999999999"):
            self.assertEqual((False, False), self.both("read_size", "--cache-limit", text), text)
        for text in (":8080", "[::]:8080", "127.0.0.1:80", "localhost:80", "a-b.example.org:1"):
            self.assertEqual((True, True), self.both("split_address", "--admin-listen", text), text)
        for text in ("8080", "::1:80", "a b:80", "host:65536", "host:", "host:x", "x/y:80"):
            self.assertEqual((False, False), self.both("split_address", "--l2-listen", text), text)


class Logs(EdgeTest):
    def test_every_program_opens_its_log_anew_and_none_dies_of_the_signal(self):
        logs = self.world.subfolder("logs")
        edge = Edge(self.world, workers=1, broker_flags=["--log-file", logs / "broker.log"],
                    worker_flags=["--log-file", logs / "worker.log", "--access-log", "sampled:2",
                                  "--log-level", "error"])
        l2 = edge.l2(self.world.subfolder("store"), "home", "--log-file", logs / "l2.log")
        for _ in range(4):
            edge.get("/ipfs/bafkqaaa?format=raw")
        wait_for(lambda: (logs / "worker.log").read_text().count("event=access") == 2,
                 "one request in two has its line, though the level is error")
        for process, name in ((edge.broker, "broker"), (edge.workers[0], "worker"), (l2, "l2")):
            path = logs / f"{name}.log"
            self.assertEqual(0, path.stat().st_mode & 0o137, name)
            path.rename(logs / f"{name}.log.1")
            process.signal(signal.SIGHUP)
            process.signal(signal.SIGUSR1)
            wait_for(path.exists, f"{name} has opened its log anew")
            self.assertTrue(process.running(), name)
        for process in (edge.broker, edge.workers[0], l2):
            self.assertEqual(0, process.stop())
        self.assertIn("stopped", (logs / "broker.log").read_text())

    def test_lines_that_a_worker_could_not_write_are_counted(self):
        edge = Edge(self.world, workers=1)
        full = self.world.start("full", [
            "bash", "-c", 'exec "$@" 2>/dev/full', "-", binary("daphnis-worker"), "--index", 1,
            "--socket", edge.socket,
            *edge.listen_flags("--listen", "--tls-listen", edge.client_port)])
        wait_for(lambda: len(edge.workers_seen()) == 2, "the second worker is there")
        self.assertEqual(0, edge.workers[0].stop())
        self.assertEqual(0, edge.metrics()["daphnis_worker_log_lines_dropped_total"])
        target = "/ipfs/bafkqaaa?format=raw&" + "x" * 600
        with Connection(edge.client_port) as connection:
            for _ in range(2000):  # 1 MiB of lines is held.
                connection.request(target)
                self.assertEqual(200, connection.response().status)
        wait_for(lambda: edge.metrics()["daphnis_worker_log_lines_dropped_total"] > 0,
                 "what did not fit is counted")
        self.assertTrue(full.running())
