"""Reads what processes cost, and describes the machine they ran on."""

import os
import pathlib
import re
import subprocess

TICKS = os.sysconf("SC_CLK_TCK")


def tree(pid):
    """A process and its descendants."""
    pids = [pid]
    for children in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            pids += tree(int(child))
    return pids


def cpu_seconds(pids):
    """utime + stime of these processes, all threads (proc(5) stat, fields 14 and 15)."""
    total = 0
    for pid in pids:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def precise_cpu_seconds(pid):
    """Time on a core of a process with one busy thread, to the nanosecond: what one request costs a
    broker is far below the tick of stat."""
    total = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def pin(pids, core):
    """Ties processes, with all their threads, to one core."""
    for pid in pids:
        for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(task.name), {core})


def first_line(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).strip().split("\n")[0]


def machine():
    """One line a fact, for the reader of a table."""
    cpu = pathlib.Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*:\s*(.*)", cpu)
    flags = re.search(r"flags\s*:(.*)", cpu)
    memory = int(re.search(r"MemTotal:\s*(\d+)", pathlib.Path("/proc/meminfo").read_text())[1])
    extensions = [f for f in ("sha_ni", "avx2", "avx512f") if flags and f" {f} " in flags[1] + " "]
    return [
        f"{model[1] if model else os.uname().machine}, {os.cpu_count()} cores "
        f"({', '.join(extensions) or 'no SHA extensions'}), {memory / 2**20:.0f} GiB, "
        f"{'virtual machine' if ' hypervisor ' in (flags[1] if flags else '') else 'bare metal'}",
        f"Linux {os.uname().release.split('-')[0]}, {first_line('openssl', 'version').split(' (')[0]}",
        f"{first_line('g++', '--version')}, {first_line('nginx', '-v')}, "
        f"{first_line('haproxy', '-v').split(' - ')[0]}",
    ]


def write_section(page, heading, text):
    """Puts `text` in the place of that section's old content; appends the section where there is
    none."""
    whole = page.read_text()
    if heading + "\n" not in whole:
        page.write_text(f"{whole.rstrip()}\n\n{heading}\n\n{text}\n")
        return
    before, section = whole.split(heading + "\n", 1)
    after = section.find("\n## ")
    page.write_text(f"{before}{heading}\n\n{text}\n{section[after:] if after >= 0 else ''}")
