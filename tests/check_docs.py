#!/usr/bin/env python3
"""Checks what the code and the pages of docs/ point at: each "DESIGN 4a" (also "DESIGN 2, step 9" and
"DESIGN 2, steps 4 to 9") is a section of docs/design.md, each link between pages leads to a file and
to a heading of it, each docs/NAME.md that is named exists, so does each file or folder of the code that a
page names, and every page has the same port numbers."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDERS = (".ci", "bench", "broker", "cmake", "common", "deploy", "docs", "l2", "tests", "worker")
PASSED_OVER = {"node_modules", "__pycache__", "corpus", "fixtures"}
SUFFIXES = {"", ".cc", ".h", ".inc", ".c", ".md", ".py", ".sh", ".mjs", ".txt", ".cmake", ".service",
            ".target", ".logrotate", ".html"}
# A reference may go on in the next line, behind its comment sign.
LINE_JOINT = re.compile(r"\n[ \t]*(?:///?<?|#|\*)?[ \t]*")
REFERENCE = re.compile(r"\bDESIGN\b(?: (\d+(?:\.\d+|[a-z])?)\b(?:,? steps? (\d+)(?: to (\d+))?)?)?")
LINK = re.compile(r"\]\(([^)\s]+)\)")
# Of clients, L2s and the admin endpoint, which README.md has, and those of proxies in front.
PORTS = {"80", "443", "8080", "8090", "8091", "8082", "8092", "8500"}
PORT = re.compile(r"(?:[\d.]{7,}|localhost|EDGE|HOST|\]):(\d{2,5})\b")
PAGE = re.compile(r"\bdocs/[a-z0-9-]+\.md\b")
CODE = re.compile(r"`((?:common|broker|worker|l2|cmake|tests)/[\w./-]+)`")
# Fewer than there are, many more than a broken search would find.
REFERENCES_MIN, LINKS_MIN = 40, 20


def sections_of(text: str) -> set[str]:
    """"4", "4a", "3.1" and, of a numbered step, "2 step 9"."""
    found, section = set(), ""
    for line in text.splitlines():
        if match := re.match(r"## (\d+)\. ", line):
            section = match[1]
            found.add(section)
        elif match := re.match(r"\*\*(\d+(?:\.\d+|[a-z])?)\.? ", line):
            found.add(match[1])
        elif match := re.match(r"(\d+)\. ", line):
            found.add(f"{section} step {match[1]}")
    return found


def anchors_of(page: pathlib.Path) -> set[str]:
    """A page's headings, as GitHub spells their anchors."""
    heads = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def references_of(text: str) -> list[tuple[str, list[str]]]:
    """What is written, and the sections that it needs; none where it names no section."""
    found = []
    for match in REFERENCE.finditer(LINE_JOINT.sub(" ", text)):
        section, first, last = match.groups()
        needed = [section] if section else []
        if first:
            needed += [f"{section} step {n}" for n in range(int(first), int(last or first) + 1)]
        found.append((match[0], needed))
    return found


def faults_of_links(page: pathlib.Path, text: str) -> list[str]:
    found = []
    for target in LINK.findall(text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        other = (page.parent / name).resolve() if name else page
        if not other.exists():
            found.append(f"the link ({target}) leads nowhere")
        elif anchor and anchor not in anchors_of(other):
            found.append(f"the link ({target}) names no heading of that page")
    return found


def files() -> list[pathlib.Path]:
    below = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*"))
             if not PASSED_OVER & set(path.relative_to(ROOT).parts)]
    return [path for path in [ROOT / "README.md", ROOT / "CMakeLists.txt", *below]
            if path.is_file() and path.suffix in SUFFIXES and path != pathlib.Path(__file__).resolve()]


def main() -> int:
    sections = sections_of((ROOT / "docs" / "design.md").read_text(encoding="utf-8"))
    faults, references, links = [], 0, 0
    for path in files():
        text = path.read_text(encoding="utf-8")
        found = []
        for written, needed in references_of(text):
            references += 1
            if not needed or not set(needed) <= sections:
                found.append(f'"{written}" is no section of docs/design.md')
        if path.suffix == ".md" or path.name == "README":
            links += len(LINK.findall(text))
            found += faults_of_links(path, text)
            found += [f"there is no {code}" for code in CODE.findall(text)
                      if not (ROOT / code).exists()]
            found += [f"port {port} is none of ours" for port in PORT.findall(text)
                      if port not in PORTS]
        found += [f"there is no {page}" for page in PAGE.findall(text)
                  if not (ROOT / page).exists()]
        faults += [f"{path.relative_to(ROOT)}: {fault}" for fault in found]
    if references < REFERENCES_MIN or links < LINKS_MIN:
        faults.append(f"only {references} references and {links} links were found")
    print("\n".join(faults) if faults else f"{references} references and {links} links resolve")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
