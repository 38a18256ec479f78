#!/usr/bin/env python3
"""check_style finds what it is there to find: each test breaks one rule in a small tree of its own."""
import pathlib
import tempfile
import unittest

import check_style

MAY_USE = {
    "common/base": [],
    "common/http": ["common/base"],
    "broker": ["common/http"],
    "broker/uv": ["broker"],
    "broker/main.cc": ["broker/uv"],
}
GOOD = {
    "common/CMakeLists.txt": "daphnis_folder(common/base)\n"
                             "daphnis_folder(common/http USES common/base\n"
                             "             PRIVATE fmt::fmt)\n",
    "common/base/check.h": "#pragma once\n",
    "common/http/parser.h": '#pragma once\n\n#include "common/base/check.h"\n',
    "broker/CMakeLists.txt": "daphnis_folder(broker USES common/http PUBLIC absl::btree)\n"
                             "daphnis_folder(broker/uv USES broker PRIVATE fmt::fmt)\n",
    "broker/broker.h": "#pragma once\n",
    # By way of common/http.
    "broker/broker.cc": '#include "broker/broker.h"\n\n#include "common/base/check.h"\n',
    "broker/uv/shell.h": '#pragma once\n\n#include <uv.h>\n\n#include "broker/broker.h"\n',
    "broker/main.cc": '#include "broker/uv/shell.h"\n',
}


class Checker(unittest.TestCase):
    def faults(self, may_use=None, **files):
        """Of the good tree with some files changed or added."""
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for name, text in (GOOD | files).items():
                path = root / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            return check_style.faults_below(root, may_use or MAY_USE)[1]

    def assert_finds(self, expected, may_use=None, files=None):
        faults = self.faults(may_use, **(files or {}))
        self.assertEqual(len(faults), 1, faults)
        self.assertIn(expected, faults[0])

    def test_a_good_tree_has_no_faults(self):
        self.assertEqual(self.faults(), [])

    def test_an_include_against_the_arrows(self):
        self.assert_finds("common/base/check.h:3: common/base may not use common/http", files={
            "common/base/check.h": '#pragma once\n\n#include "common/http/parser.h"\n'})
        self.assert_finds("broker may not use broker/uv", files={
            "broker/broker.cc": '#include "broker/uv/shell.h"\n'})
        self.assert_finds("broker may not use tests", files={
            "broker/broker.cc": '#include "tests/rig.h"\n'})

    def test_an_include_that_does_not_say_its_folder(self):
        self.assert_finds("include by the path from the top", files={
            "broker/uv/loop.cc": '#include "shell.h"\n'})
        self.assert_finds("include by the path from the top", files={
            "broker/uv/loop.cc": '#include "broker/uv/../broker.h"\n'})

    def test_io_outside_a_shell(self):
        self.assert_finds("broker/broker.cc:1: outside uv all is sans-I/O", files={
            "broker/broker.cc": "#include <unistd.h>\n"})

    def test_framing_outside_the_clients_session(self):
        faults = self.faults(**{"worker/answer/answer.cc": "bool keep_alive;\n"})
        self.assertIn("worker/answer/answer.cc:1: framing is for worker/client: bool keep_alive;", faults)

    def test_a_transport_where_l2s_are_chosen_and_kept(self):
        for line in ('#include "common/http/parser.h"', "bool is_chunked;", "// An HTTP/1.1 head.",
                     "NdjsonLine line;"):
            for path in ("broker/registry/l2.cc", "broker/dispatch/attempt.cc"):
                self.assertIn(f"{path}:1: framing is for broker/l2_http: {line}",
                              self.faults(**{path: line + "\n"}))
        faults = self.faults(**{"broker/l2_http/line.cc": "NdjsonLine line;\n"})
        self.assertFalse([fault for fault in faults if "framing" in fault], faults)

    def test_a_row_that_names_no_folder(self):
        self.assert_finds("there is no common/gone", {**MAY_USE, "broker": ["common/gone"]}, {
            "broker/broker.cc": "",
            "broker/CMakeLists.txt": "daphnis_folder(broker USES common/gone)\n"
                                     "daphnis_folder(broker/uv USES broker)\n"})
        faults = self.faults({**MAY_USE, "broker/gone": []})
        self.assertIn("MAY_USE: there is no broker/gone", faults)

    def test_a_folder_without_a_row(self):
        self.assert_finds("no row of MAY_USE is for broker/new", files={
            "broker/new/new.h": "#pragma once\n"})

    def test_a_row_that_the_build_does_not_follow(self):
        self.assert_finds("common/http is not what CMakeLists.txt says", files={
            "common/CMakeLists.txt": "daphnis_folder(common/base)\ndaphnis_folder(common/http)\n"})

    def test_arrows_in_a_circle(self):
        faults = self.faults({**MAY_USE, "common/base": ["broker"]})
        self.assertIn("MAY_USE: common/base uses itself, by way of others", faults)

    def test_a_folder_with_too_many_files(self):
        many = {f"common/base/part_{i}.h": "#pragma once\n" for i in range(32)}
        self.assert_finds("common/base: 33 files, at most 32", files=many)

    def test_a_substitution_in_the_supervisors_shell(self):
        for line in ("a=$(b)", "read -r a < <(b)", "a=`b`", "b > >(a)",
                     "a | read -r b", "a | IFS= read -r b"):
            self.assert_finds("deploy/lib/a.sh:2: capture it", files={
                "deploy/lib/a.sh": "# $(b)\n" + line + "\n"})
        self.assertEqual(self.faults(**{"deploy/lib/a.sh": "a=$((1 + 2)); b=(c) d=${e#(}\n"
                                        "a || read -r b\n"}), [])

    def test_what_npm_installed_is_not_ours(self):
        files = {"tests/npm/node_modules/other/a.h": "int a; \n"}
        self.assertEqual([], self.faults(**files))

    def test_size_width_and_notes(self):
        self.assert_finds("401 lines", files={"broker/broker.cc": "\n" * 401})
        self.assert_finds("101 columns", files={"broker/broker.cc": "/" * 101 + "\n"})
        self.assert_finds("white space", files={"broker/broker.cc": "int a; \n"})
        self.assert_finds("#pragma once", files={"broker/broker.h": "int a;\n"})
        self.assert_finds("later work", files={"broker/broker.cc": "// TO" + "DO: all of it\n"})


if __name__ == "__main__":
    unittest.main()
