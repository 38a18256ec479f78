"""deploy/daphnis started by root: who the processes belong to, and what they may do."""

import os
import pathlib
import pwd
import shutil
import socket
import subprocess
import unittest

from harness import Connection, car, get, wait_for
from harness.supervised import ROOT, WAIT_SECONDS, start_time
from test_supervised import Supervised

BIND_SERVICE = 1 << 10  # CAP_NET_BIND_SERVICE of capabilities(7).


def status_of(pid):
    """/proc/PID/status as {key: words}."""
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return {key: value.split() for key, value in (line.split(":", 1) for line in lines)}


def free_low_port():
    for port in range(1023, 600, -1):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no free port below 1024")


@unittest.skipUnless(os.geteuid() == 0, "only root can become another user")
class DroppedRights(Supervised):
    USER = "nobody"

    def setUp(self):
        # A copy that this user can reach, wherever the checkout is.
        super().setUp()
        self.world.folder.chmod(0o711)
        self.programs.chmod(0o755)
        for name in ("daphnis-broker", "daphnis-worker", "daphnis-l2"):
            real = (self.programs / name).resolve()
            (self.programs / name).unlink()
            shutil.copy(real, self.programs / name)
            (self.programs / name).chmod(0o755)
        shutil.copytree(ROOT / "deploy", self.world.folder / "deploy")
        subprocess.run(["chmod", "-R", "go+rX", self.world.folder / "deploy"], check=True)
        self.script = self.world.folder / "deploy" / "daphnis"
        self.root, body, self.pairs = car.file_car(car.numbered("dropped", 100_000))
        self.store = self.world.subfolder("store")
        (self.store / "one.car").write_bytes(body)
        self.account = pwd.getpwnam(self.USER)
        subprocess.run(["chown", "-R", f"{self.USER}:", self.store], check=True)

    def daphnis(self, verb, *options):
        return subprocess.run([self.script, verb, "--run-dir", self.run_dir, *options],
                              cwd=self.world.folder, stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)

    def start_arguments(self):
        self.clients = free_low_port()
        return ["--bin-dir", self.programs, "--workers", "1", "--user", self.USER,
                "--log-dir", self.world.folder / "above" / "log",
                "--listen", f"127.0.0.1:{self.clients}", "--l2-listen", f"127.0.0.1:{self.l2s}",
                "--admin-listen", f"127.0.0.1:{self.admin}", "--l2-store", self.store,
                "--cache-dir", self.world.folder / "above" / "cache", "--drain-seconds", "2"]

    def stop(self):
        self.assertEqual(self.daphnis("stop").returncode, 0)

    def test_everything_runs_as_that_user_with_one_right_and_no_way_to_more(self):
        started = self.daphnis("start", *self.start_arguments())
        self.world.on_close(lambda: self.daphnis("stop"))
        self.assertEqual(started.returncode, 0, started.stdout)
        ids, pids = [str(self.account.pw_uid)] * 4, {}
        for name in ("supervisor", "broker", "worker-0", "l2"):
            pids[name] = self.pid(name)
            status = status_of(pids[name])
            self.assertEqual(status["Uid"], ids, name)
            self.assertEqual(status["Gid"], [str(self.account.pw_gid)] * 4, name)
            self.assertLessEqual(set(status["Groups"]), {str(self.account.pw_gid)}, name)
            self.assertEqual(status["NoNewPrivs"], ["1"], name)
            rights = {key: int(status[key][0], 16) for key in status if key.startswith("Cap")}
            held = 0 if name == "l2" else BIND_SERVICE
            self.assertEqual(rights, {"CapInh": held, "CapPrm": held, "CapEff": held,
                                      "CapBnd": BIND_SERVICE, "CapAmb": held}, name)
        logs = self.world.folder / "above" / "log"
        self.assertTrue((logs / "worker-0.log").stat().st_size)
        for folder in (self.run_dir, logs, self.world.folder / "above" / "cache"):
            self.assertEqual(folder.stat().st_uid, self.account.pw_uid, folder)
            self.assertEqual(folder.stat().st_mode & 0o027, 0, folder)
            self.assertEqual({path.stat().st_uid for path in folder.rglob("*")},
                             {self.account.pw_uid}, folder)
        wait_for(lambda: get(self.clients, f"/ipfs/{self.root}?format=car").status == 200,
                 "it serves on a port below 1024", WAIT_SECONDS)
        with Connection(self.clients) as connection:
            connection.request(f"/ipfs/{self.root}?format=car")
            self.assert_car(connection.response(), self.pairs)
        # Root's other commands need no --user.
        self.assertEqual(self.daphnis("status").returncode, 0)
        again = self.daphnis("start", *self.start_arguments())
        self.assertEqual(again.returncode, 4, again.stdout)
        reloaded = self.daphnis("reload")
        self.assertEqual(reloaded.returncode, 0, reloaded.stdout)
        self.assertEqual(status_of(self.pid("worker-0"))["Uid"], ids)
        self.assertIn("clients at", self.daphnis("logs", "supervisor").stdout)
        self.stop()
        for name, pid in pids.items():
            self.assertIsNone(start_time(pid), name)

    def test_processes_end_with_a_supervisor_that_is_killed(self):
        started = self.daphnis("start", *self.start_arguments())
        self.world.on_close(lambda: self.daphnis("stop"))
        self.assertEqual(started.returncode, 0, started.stdout)
        pids = [self.pid(name) for name in ("broker", "worker-0", "l2")]
        os.kill(self.pid("supervisor"), 9)
        for pid in pids:
            wait_for(lambda: start_time(pid) is None, f"{pid} ends", WAIT_SECONDS)

    def test_what_that_user_cannot_have_is_refused_with_what_to_do(self):
        self.run_dir.mkdir(mode=0o755)
        (self.run_dir / "broker.log").touch()
        done = self.daphnis("start", *self.start_arguments())
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn(f"chown -R {self.USER}: {self.run_dir}", done.stdout)
        (self.run_dir / "broker.log").unlink()
        self.programs.chmod(0o700)
        done = self.daphnis("start", *self.start_arguments())
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn(f"user {self.USER} may not run {self.programs}/daphnis-broker", done.stdout)
        done = self.daphnis("start", *self.start_arguments(), "--user", "no-such-user")
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("there is no user no-such-user", done.stdout)

    def test_a_run_folder_of_a_user_makes_root_signal_nobody_elses_process(self):
        """What such a user writes into its state file is carried out with its rights only."""
        self.run_dir.mkdir(mode=0o755)
        with subprocess.Popen(["sleep", "60"]) as ours:
            boot = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()
            began = pathlib.Path(f"/proc/{ours.pid}/stat").read_text().rsplit(")", 1)[1].split()[19]
            (self.run_dir / "state").write_text(
                f"boot {boot}\nsupervisor 1 0\nphase ready\ndrain_seconds 0\n"
                f"process worker-0 {ours.pid} {began} 0 running 0\nend\n")
            subprocess.run(["chown", "-R", f"{self.USER}:", self.run_dir], check=True)
            self.daphnis("stop")
            self.assertIsNone(ours.poll(), "a process of root was signalled")
            ours.kill()


class Defaults(unittest.TestCase):
    def default_user(self, known):
        script = f'. "$1"; id() {{ [[ ${{!#}} == {known} ]]; }}; default_user; printf %s "$RUN_USER"'
        return subprocess.run(["bash", "-c", script, "-", ROOT / "deploy" / "lib" / "user.sh"],
                              text=True, stdout=subprocess.PIPE, check=True).stdout

    def test_root_runs_it_as_daphnis_where_that_user_exists(self):
        self.assertEqual(self.default_user("daphnis"), "daphnis")
        self.assertEqual(self.default_user("somebody"), "root")

    def test_the_units_of_systemd_do_not_retry_what_refuses_its_settings(self):
        for unit in (ROOT / "deploy" / "systemd").glob("*.service"):
            self.assertIn("RestartPreventExitStatus=2", unit.read_text().splitlines(), unit.name)

    def test_the_units_of_systemd_drop_as_much(self):
        for unit in (ROOT / "deploy" / "systemd").glob("*.service"):
            lines = unit.read_text().splitlines()
            self.assertIn("NoNewPrivileges=yes", lines, unit.name)
            self.assertTrue({"User=daphnis", "DynamicUser=yes"} & set(lines), unit.name)
            for line in lines:
                key, _, value = line.partition("=")
                if key in ("AmbientCapabilities", "CapabilityBoundingSet"):
                    self.assertLessEqual(set(value.split()), {"CAP_NET_BIND_SERVICE"}, unit.name)
            self.assertTrue(any(line.startswith("CapabilityBoundingSet=") for line in lines))


if __name__ == "__main__":
    unittest.main()
