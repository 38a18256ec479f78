"""deploy/daphnis with the real programs: what their settings and its own come to."""

import json
import os
import pathlib
import signal
import subprocess

from harness import EdgeTest, binary, car, free_port, free_ports, get, wait_for
from harness.supervised import OURSELVES, SUPERVISOR


def listeners(pid):
    """HOST:PORT of the IPv4 listeners that a process has, as in /proc/net/tcp."""
    inodes = set()
    for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        try:
            inodes.add(str(fd.readlink()).removeprefix("socket:[").removesuffix("]"))
        except OSError:
            continue
    rows = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
    found = set()
    for row in rows:
        if row[3] == "0A" and row[9] in inodes:
            host, port = row[1].split(":")
            octets = [str(int(host[i:i + 2], 16)) for i in (6, 4, 2, 0)]
            found.add(f"{'.'.join(octets)}:{int(port, 16)}")
    return found


class Supervised(EdgeTest):
    def setUp(self):
        self.programs = self.world.subfolder("bin")
        for name in ("daphnis-broker", "daphnis-worker", "daphnis-l2"):
            (self.programs / name).symlink_to(binary(name))
        self.run_dir = self.world.folder / "run"
        self.log_dir = self.world.folder / "log"
        self.clients, self.l2s, self.admin = free_port(), free_port(), free_port()

    def supervise(self, *options, verb="run", **more):
        return self.world.start("supervisor", [
            SUPERVISOR, verb, "--run-dir", self.run_dir, "--log-dir", self.log_dir,
            "--bin-dir", self.programs, "--user", OURSELVES, "--workers", "2", *options], **more)

    def wait_running(self):
        wait_for(lambda: subprocess.run(
            [SUPERVISOR, "status", "--run-dir", self.run_dir], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL).returncode == 0, "the supervised edge runs", 30, every=0.1)

    def pid(self, name):
        return int((self.run_dir / f"{name}.pid").read_text())

    def write(self, name, text):
        path = self.world.folder / name
        path.write_text(text)
        return path

    def wait_broker_listens(self, *addresses):
        """There, and with its copies of the workers' sockets at theirs."""
        wait_for(lambda: listeners(self.pid("broker")) == {
            *addresses, f"127.0.0.1:{self.clients}"}, f"the broker listens at {addresses}")


class Addresses(Supervised):
    def test_what_the_config_files_say_holds(self):
        stats, socket = self.world.folder / "our.ndjson", self.world.folder / "our.sock"
        broker = self.write("broker.toml", (
            f'l2-listen = ["127.0.0.1:{self.l2s}", "127.0.0.2:{self.l2s}"]\n'
            f'admin-listen = "127.0.0.1:{self.admin}"\n'
            f'socket = "{socket}"\nstats-file = "{stats}"\n'))
        workers = self.write("worker.toml", f'listen = "127.0.0.1:{self.clients}"\n')
        self.supervise("--config", broker, "--worker-config", workers)
        self.wait_running()
        self.wait_broker_listens(f"127.0.0.1:{self.l2s}", f"127.0.0.2:{self.l2s}",
                                 f"127.0.0.1:{self.admin}")
        self.assertEqual(listeners(self.pid("worker-1")), {f"127.0.0.1:{self.clients}"})
        self.assertTrue(socket.is_socket())
        wait_for(lambda: stats.exists() and stats.stat().st_size, "statistics are where asked for")
        self.assertFalse((self.run_dir / "broker.sock").exists())
        self.assertFalse((self.run_dir / "stats.ndjson").exists())
        self.assertEqual(get(self.clients, "/ipfs/bafkqaaa?format=raw").status, 200)

    def test_an_option_beats_the_file_and_that_beats_a_variable(self):
        broker = self.write("broker.toml", f'l2-listen = "127.0.0.3:{self.l2s}"\n')
        workers = self.write("worker.toml", f'listen = "127.0.0.3:{self.clients}"\n')
        self.supervise("--config", broker, "--worker-config", workers,
                       "--l2-listen", f"127.0.0.1:{self.l2s}",
                       "--worker-arg", f"--listen=127.0.0.1:{self.clients}",
                       env={"DAPHNIS_L2_LISTEN": f"127.0.0.2:{self.l2s}",
                            "DAPHNIS_ADMIN_LISTEN": f"127.0.0.2:{self.admin}"})
        self.wait_running()
        self.wait_broker_listens(f"127.0.0.1:{self.l2s}", f"127.0.0.2:{self.admin}")
        self.assertEqual(listeners(self.pid("worker-0")), {f"127.0.0.1:{self.clients}"})

    def test_sockets_that_would_never_meet_are_refused(self):
        broker = self.write("broker.toml", 'socket = "/tmp/one.sock"\n')
        workers = self.write("worker.toml", 'socket = "/tmp/other.sock"\n')
        process = self.supervise("--config", broker, "--worker-config", workers)
        self.assertEqual(process.wait(20), 1)
        self.assertIn("the broker's socket is set to /tmp/one.sock", process.text())

    def test_nobody_from_outside_may_register_unless_it_was_asked_for(self):
        # Told without starting, as the default ports may be in use on this box.
        done = subprocess.run([binary("daphnis-broker"), "--help"], text=True,
                              stdout=subprocess.PIPE)
        self.assertIn("[127.0.0.1:8090]", done.stdout.replace("[[", "[").replace("]]", "]"))
        done = subprocess.run(["bash", "-c", '. "$1" && printf %s "$DEFAULT_L2_LISTEN"', "-",
                               SUPERVISOR.parent / "lib" / "settings.sh"], text=True,
                              stdout=subprocess.PIPE)
        self.assertEqual(done.stdout, "127.0.0.1:8090")
        units = SUPERVISOR.parent / "systemd"
        self.assertIn("Environment=DAPHNIS_L2_LISTEN=127.0.0.1:8090\n",
                      (units / "daphnis-broker.service").read_text())


class Tokens(Supervised):
    def test_its_l2_is_let_in_by_a_token_and_shut_out_by_a_revocation(self):
        files = {name: self.write(name, text) for name, text in
                 (("secrets", "0123456789abcdef" * 4), ("revoked", "# nobody"), ("token", ""))}
        for path in files.values():
            path.chmod(0o600)
        minted = subprocess.run([binary("daphnis-broker"), "mint-token", "home", "--days", "1",
                                 "--l2-token-secrets", files["secrets"]], text=True, check=True,
                                stdout=subprocess.PIPE)
        files["token"].write_text(minted.stdout)
        # Where others reach the port, too.
        self.supervise("--listen", f"127.0.0.1:{self.clients}", "--l2-listen",
                       f"0.0.0.0:{self.l2s}", "--admin-listen", f"127.0.0.1:{self.admin}",
                       "--l2-auth", "token", "--l2-token-secrets", files["secrets"],
                       "--l2-revoked", files["revoked"], "--l2-token-in-clear",
                       "--l2-store", self.world.subfolder("store"),
                       "--l2-token-file", files["token"])
        self.wait_running()

        def l2s():
            return [json.loads(line)["id"] for line in get(self.admin, "/l2s").body.splitlines()]
        wait_for(lambda: l2s() == ["home"], "the L2 is registered", 20)
        files["revoked"].write_text("home\n")
        os.kill(self.pid("broker"), signal.SIGHUP)
        wait_for(lambda: not l2s(), "the L2 is shut out", 20)


class DataPorts(Supervised):
    def test_its_workers_have_ports_of_their_own_in_a_row(self):
        first = free_ports(2)
        self.supervise("--listen", f"127.0.0.1:{self.clients}", "--l2-listen",
                       f"127.0.0.1:{self.l2s}", "--admin-listen", f"127.0.0.1:{self.admin}",
                       "--data-listen", f"127.0.0.1:{first}")
        self.wait_running()
        for number in range(2):
            self.assertIn(f"127.0.0.1:{first + number}", listeners(self.pid(f"worker-{number}")))


class Denylist(Supervised):
    def test_its_lists_of_what_may_not_be_served_are_read_anew_at_a_reload(self):
        bad, good = (car.text(car.cid(car.RAW, word)) for word in (b"bad", b"good"))
        name = self.write("list.deny", f"---\n/ipfs/{bad}\n")
        # Absolute in the broker's arguments, whatever folder that runs in.
        self.supervise("--listen", f"127.0.0.1:{self.clients}", "--l2-listen",
                       f"127.0.0.1:{self.l2s}", "--admin-listen", f"127.0.0.1:{self.admin}",
                       "--denylist", os.path.relpath(name))
        self.wait_running()

        def denied():
            return [get(self.clients, f"/ipfs/{cid}?format=raw").status == 410
                    for cid in (bad, good)]
        self.assertEqual([True, False], denied())
        name.write_text(f"---\n/ipfs/{good}\n")
        done = subprocess.run([SUPERVISOR, "reload", "--broker", "--run-dir", self.run_dir],
                              text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(0, done.returncode, done.stdout)
        wait_for(lambda: denied() == [False, True], "the new list is in force", 20)


class Logs(Supervised):
    def rotate(self, *options):
        """Of the real programs; returns what the broker says in its log before and after."""
        self.supervise("--listen", f"127.0.0.1:{self.clients}", "--l2-listen",
                       f"127.0.0.1:{self.l2s}", "--admin-listen", f"127.0.0.1:{self.admin}",
                       "--l2-store", self.world.subfolder("store"), *options)
        self.wait_running()
        names = ("broker", "worker-0", "worker-1", "l2")
        pids = [self.pid(name) for name in names]
        for name in names:
            wait_for(lambda name=name: (self.log_dir / f"{name}.log").stat().st_size, name)
        stats = self.run_dir / "stats.ndjson"
        wait_for(lambda: "--stats-file" in options or stats.stat().st_size, "the first statistics")
        os.kill(self.pid("supervisor"), signal.SIGUSR1)
        for name, pid in zip(names, pids):
            log = self.log_dir / f"{name}.log"
            stderr = pathlib.Path(f"/proc/{pid}/fd/2")
            wait_for(lambda: pathlib.Path(f"{log}.1").exists() and log.exists() and  # noqa: B023
                     log.samefile(stderr), f"{name} writes on in its new log", 30)
        self.wait_running()
        self.assertEqual(pids, [self.pid(name) for name in names])

    def test_a_rotation_has_all_programs_open_their_logs_and_the_statistics_anew(self):
        self.rotate()
        stats = self.run_dir / "stats.ndjson"
        wait_for(lambda: pathlib.Path(f"{stats}.1").exists() and stats.exists() and
                 '"workers_silent_ms"' in stats.read_text(), "statistics go on", 30)

    def test_statistics_among_the_lines_of_the_log_are_rotated_with_it(self):
        self.rotate("--broker-arg", "--stats-file", "--broker-arg", "-")
        wait_for(lambda: '"workers_silent_ms"' in (self.log_dir / "broker.log").read_text(),
                 "statistics go on", 30)


class Probes(Supervised):
    def test_the_probe_of_the_start_counts_as_no_error_of_a_client(self):
        self.supervise("--listen", f"127.0.0.1:{self.clients}",
                       "--l2-listen", f"127.0.0.1:{self.l2s}",
                       "--admin-listen", f"127.0.0.1:{self.admin}")
        self.wait_running()

        def rows():
            return [json.loads(line) for line in get(self.admin, "/workers").body.splitlines()]
        wait_for(lambda: sum(row["requests"] for row in rows()), "the probe is counted")
        self.assertEqual([0, 0], [row["4xx"] + row["5xx"] for row in rows()])
        self.assertGreater(sum(row["2xx"] for row in rows()), 0)


class RefusedSettings(Supervised):
    def setUp(self):
        super().setUp()
        self.root, body, self.pairs = car.file_car(car.numbered("refused", 100_000))
        self.store = self.world.subfolder("store")
        (self.store / "one.car").write_bytes(body)
        self.good = f'l2-listen = "127.0.0.1:{self.l2s}"\n'
        self.config = self.write("broker.toml", self.good)
        self.options = ["--config", self.config, "--listen", f"127.0.0.1:{self.clients}",
                        "--admin-listen", f"127.0.0.1:{self.admin}", "--l2-store", self.store,
                        "--cache-dir", self.world.folder / "cache"]

    def daphnis(self, verb, *options):
        return subprocess.run([SUPERVISOR, verb, "--run-dir", self.run_dir, *options], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)

    def test_a_typo_is_told_before_anything_is_started(self):
        self.config.write_text(self.good + "cache-limt = 1\n")
        process = self.supervise(*self.options)
        self.assertEqual(process.wait(30), 2)
        self.assertIn("cache-limt", process.text())
        self.assertFalse(self.run_dir.exists())

    def test_a_typo_in_a_running_edge_costs_no_hit_and_a_reload_tells_it(self):
        self.supervise(*self.options)
        self.wait_running()

        def fetch():
            return get(self.clients, f"/ipfs/{self.root}?format=car")
        wait_for(lambda: fetch().headers.get("x-cache") == "HIT", "it is served from the cache", 30)
        broker, worker = self.pid("broker"), self.pid("worker-0")
        self.config.write_text(self.good + "cache-limt = 1\n")
        reloaded = self.daphnis("reload")
        self.assertEqual(reloaded.returncode, 1, reloaded.stdout)
        self.assertIn("cache-limt", reloaded.stdout)
        self.assertEqual((self.pid("broker"), self.pid("worker-0")), (broker, worker))
        os.kill(broker, signal.SIGKILL)
        wait_for(lambda: "failed (refused" in self.daphnis("status").stdout, "it has failed", 30)
        # A worker whose own fetch was over a moment ago still answers from that.
        response = wait_for(lambda: (found := fetch()).headers["x-cache"] == "HIT" and found,
                            "it is served from the cache without a broker")
        self.assert_car(response, self.pairs)
        self.config.write_text(self.good)
        reloaded = self.daphnis("reload")
        self.assertEqual(reloaded.returncode, 0, reloaded.stdout)
        self.wait_running()
