#!/usr/bin/env python3
"""Checks what a reader relies on and a compiler does not: file sizes, line widths, which layer may
include what, and that notes about later work stand in issues instead of in the code."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PRODUCT = ("common", "broker", "worker", "l2")
FOLDERS = (*PRODUCT, "tests", "bench")
LINES_MAX = 400
COLUMNS_MAX = 100
SANS_IO_FORBIDDEN = re.compile(
    r'#include\s*[<"](uv\.h|sys/socket\.h|sys/epoll\.h|unistd\.h|fcntl\.h|netinet/|'
    r'(common|broker|worker|l2)/uv/)')
LATER = re.compile(r"\b(TODO|FIXME|XXX)\b")


def has_io(name: pathlib.PurePath) -> bool:
    """A shell, what starts it, or the L2's files."""
    return "uv" in name.parts[:-1] or name.name == "main.cc" or name.parts[:2] == ("l2", "disk")


def faults_of(path: pathlib.Path) -> list[str]:
    name = path.relative_to(ROOT)
    lines = path.read_text(encoding="utf-8").splitlines()
    found = []
    if len(lines) > LINES_MAX:
        found.append(f"{name}: {len(lines)} lines, at most {LINES_MAX}: split it by idea")
    is_sans_io = name.parts[0] in PRODUCT and not has_io(name)
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS_MAX:
            found.append(f"{name}:{number}: {len(line)} columns, at most {COLUMNS_MAX}")
        if is_sans_io and SANS_IO_FORBIDDEN.search(line):
            found.append(f"{name}:{number}: outside uv all is sans-I/O: {line.strip()}")
        if LATER.search(line):
            found.append(f"{name}:{number}: later work belongs in an issue: {line.strip()}")
        if line != line.rstrip():
            found.append(f"{name}:{number}: white space at the end")
    if path.suffix == ".h" and "#pragma once" not in lines[0]:
        found.append(f"{name}: a header begins with #pragma once")
    return found


def main() -> int:
    files = [p for folder in FOLDERS for p in sorted((ROOT / folder).rglob("*"))
             if p.suffix in (".cc", ".h")]
    faults = [fault for path in files for fault in faults_of(path)]
    print("\n".join(faults) if faults else f"{len(files)} files keep the style")
    return 1 if faults or not files else 0


if __name__ == "__main__":
    sys.exit(main())
