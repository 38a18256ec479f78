#!/usr/bin/env python3
"""Checks what a reader relies on and a compiler does not: file sizes, line widths, which folder may
include from which, and that notes about later work stand in issues instead of in the code."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PRODUCT = ("common", "broker", "worker", "l2")
FOLDERS = (*PRODUCT, "tests", "bench")
LINES_MAX = 400
COLUMNS_MAX = 100
FOLDER_FILES_MAX = 32

# What each folder of the product may include from; what that may use, it may use too. A main.cc is
# no part of its folder. The CMakeLists.txt of common, broker, worker and l2 link the same.
MAY_USE = {
    "common/base": [],
    "common/http": ["common/base"],
    "common/peer": ["common/http"],
    "common/tls": ["common/base"],
    "common/hash": ["common/base"],
    "common/tls": ["common/base"],
    "common/ipld": ["common/hash"],
    "common/denylist": ["common/ipld"],
    "common/request": ["common/denylist", "common/http"],
    "common/proof": ["common/request"],
    "common/cachefile": ["common/request"],
    "common/ipc": ["common/request"],
    "common/uv": ["common/ipc", "common/peer"],
    "common/uv/files": ["common/uv"],
    "common/uv/pending": ["common/uv"],
    "common/uv/tls": ["common/uv/files", "common/uv/pending", "common/tls"],

    "broker/auth": ["common/hash", "common/http"],
    "broker/base": ["broker/auth", "common/ipc"],
    "broker/health": ["broker/base"],
    "broker/choosing": ["broker/health"],
    "broker/registry": ["broker/health"],
    "broker/cache": ["broker/base", "common/cachefile", "common/proof"],
    "broker/folder": ["broker/cache"],
    "broker/dispatch": ["broker/choosing", "broker/registry", "broker/cache"],
    "broker/workers": ["broker/dispatch"],
    "broker/l2_http": ["broker/workers"],
    "broker": ["broker/l2_http"],
    "broker/admin": ["broker"],
    "broker/uv/folder": ["broker/folder", "common/uv"],
    "broker/uv": ["broker/admin", "broker/uv/folder", "common/uv/tls"],
    "broker/main.cc": ["broker/uv"],

    "worker/base": ["common/peer", "common/proof"],
    "worker/broker": ["worker/base", "common/ipc"],
    "worker/gateway": ["worker/base"],
    "worker/client": ["worker/gateway"],
    "worker/proof": ["worker/base"],
    "worker/l2": ["worker/proof", "common/ipc"],
    "worker/cache": ["worker/broker", "common/cachefile"],
    "worker/fetch": ["worker/proof", "worker/cache"],
    "worker/answer": ["worker/client", "worker/fetch"],
    "worker": ["worker/answer", "worker/l2"],
    "worker/driver": ["worker", "common/tls"],
    "worker/uv": ["worker/driver", "common/uv/tls"],
    "worker/main.cc": ["worker/uv"],

    "l2/core": ["common/request", "common/tls"],
    "l2/disk": ["l2/core", "common/proof"],
    "l2/uv": ["l2/disk", "common/uv/tls"],
    "l2/main.cc": ["l2/uv"],
}

SANS_IO_FORBIDDEN = re.compile(
    r"#include\s*<(uv\.h|sys/socket\.h|sys/epoll\.h|unistd\.h|fcntl\.h|netinet/)")
# How a connection carries what is said on it: its words, the folders that must not know them, and
# the folder that does.
FRAMING = (
    (re.compile(r"HTTP/1|chunked|keep_alive"), ("worker/gateway", "worker/answer"),
     "worker/client"),
    (re.compile(r"HTTP/1|common/http/|chunk|ndjson", re.IGNORECASE),
     ("broker/registry", "broker/dispatch"), "broker/l2_http"),
    (re.compile(r"HTTP|common/http/|chunked|keep_alive"), ("worker/proof", "worker/fetch"),
     "worker/l2"),
)
INCLUDE = re.compile(r'#include\s*"([^"]+)"')
# What the supervisor's shell must not do (see capture in deploy/lib/proc.sh): $(…), <(…), `…`, and a
# pipe into one `read`.
SUBSTITUTION = re.compile(r"\$\((?!\()|[<>]\(|`|(?<!\|)\|\s*(?:IFS=\S*\s+)?read\b")
LATER = re.compile(r"\b(TODO|FIXME|XXX)\b")
# A folder's target in CMake, with what it uses.
TARGET = re.compile(r"^daphnis_folder\((\S+?)(?:\s+USES((?:\s+[a-z0-9_/]+)+))?(?:\s+P[^)]*)?\)",
                    re.MULTILINE)


def has_io(name: pathlib.PurePath) -> bool:
    """A shell, what starts it, or the L2's files."""
    return "uv" in name.parts[:-1] or name.name == "main.cc" or name.parts[:2] == ("l2", "disk")


def folder_of(name: pathlib.PurePath) -> str:
    """The row of MAY_USE that a file belongs to."""
    return str(name if name.name == "main.cc" else name.parent)


def reach_of(folder: str, may_use: dict[str, list[str]]) -> set[str]:
    """All that a folder may use, by whatever way."""
    reach, left = set(), list(may_use.get(folder, []))
    while left:
        if (used := left.pop()) not in reach:
            reach.add(used)
            left += may_use.get(used, [])
    return reach


def faults_of(root: pathlib.Path, path: pathlib.Path) -> list[str]:
    name = path.relative_to(root)
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
        for words, forbidden, knows in FRAMING:
            if folder_of(name) in forbidden and words.search(line):
                found.append(f"{name}:{number}: framing is for {knows}: {line.strip()}")
        if LATER.search(line):
            found.append(f"{name}:{number}: later work belongs in an issue: {line.strip()}")
        if line != line.rstrip():
            found.append(f"{name}:{number}: white space at the end")
    if path.suffix == ".h" and not (lines and "#pragma once" in lines[0]):
        found.append(f"{name}: a header begins with #pragma once")
    return found


def faults_of_includes(root: pathlib.Path, path: pathlib.Path,
                       may_use: dict[str, list[str]]) -> list[str]:
    """What a file of the product includes that its folder may not use."""
    name = path.relative_to(root)
    folder = folder_of(name)
    if folder not in may_use:
        return [f"{name}: no row of MAY_USE is for {folder}"]
    allowed = {folder, *reach_of(folder, may_use)}
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not (match := INCLUDE.search(line)):
            continue
        target = pathlib.PurePosixPath(match[1])
        if len(target.parts) == 1 or ".." in target.parts:
            found.append(f"{name}:{number}: include by the path from the top: {target}")
        elif target.parts[0] in FOLDERS and folder_of(target) not in allowed:
            found.append(f"{name}:{number}: {folder} may not use {folder_of(target)}: {line.strip()}")
    return found


def faults_of_table(root: pathlib.Path, may_use: dict[str, list[str]]) -> list[str]:
    """Whether the table is about the folders there are, and the build links what it says."""
    found = []
    for folder, uses in may_use.items():
        found += [f"MAY_USE: there is no {it}" for it in (folder, *uses) if not (root / it).exists()]
        if folder in reach_of(folder, may_use):
            found.append(f"MAY_USE: {folder} uses itself, by way of others")
    linked = {}
    for program in PRODUCT:
        lists = root / program / "CMakeLists.txt"
        text = lists.read_text(encoding="utf-8") if lists.exists() else ""
        linked |= {folder: uses.split() for folder, uses in TARGET.findall(text)}
    for folder in sorted({folder for folder in may_use if not folder.endswith("/main.cc")} | set(linked)):
        if sorted(linked.get(folder, ["nothing"])) != sorted(may_use.get(folder, ["nothing"])):
            found.append(f"MAY_USE: {folder} is not what CMakeLists.txt says of it")
    return found


def faults_of_folders(root: pathlib.Path) -> list[str]:
    found = []
    for program in PRODUCT:
        top = root / program
        for folder in sorted({top, *(path for path in top.rglob("*") if path.is_dir())}):
            count = sum(path.is_file() for path in folder.glob("*"))
            if count > FOLDER_FILES_MAX:
                found.append(f"{folder.relative_to(root)}: {count} files, at most "
                             f"{FOLDER_FILES_MAX}: split it by idea")
    return found


def faults_of_shell(root: pathlib.Path) -> list[str]:
    return [f"{path.relative_to(root)}:{number}: capture it: {line.strip()}"
            for path in sorted((root / "deploy" / "lib").glob("*.sh"))
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
            if SUBSTITUTION.search(line) and not line.lstrip().startswith("#")]


def faults_below(root: pathlib.Path, may_use: dict[str, list[str]]) -> tuple[int, list[str]]:
    """How many files there are, and what is wrong with them."""
    files = [p for folder in FOLDERS for p in sorted((root / folder).rglob("*"))
             if p.suffix in (".cc", ".h") and "node_modules" not in p.parts]
    faults = [fault for path in files for fault in faults_of(root, path)]
    faults += [fault for path in files if path.relative_to(root).parts[0] in PRODUCT
               for fault in faults_of_includes(root, path, may_use)]
    faults += faults_of_table(root, may_use) + faults_of_folders(root) + faults_of_shell(root)
    return len(files), faults


def main() -> int:
    count, faults = faults_below(ROOT, MAY_USE)
    print("\n".join(faults) if faults else f"{count} files keep the style")
    return 1 if faults or not count else 0


if __name__ == "__main__":
    sys.exit(main())
