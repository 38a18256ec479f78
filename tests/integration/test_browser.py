"""A real browser that visits a web page of somebody else: the page cannot make it an L2."""

import http.server
import shutil
import subprocess
import threading
import unittest

from harness import Edge, EdgeTest, wait_for

CHROMIUM = shutil.which("chromium")
# All that makes a browser send something elsewhere without asking its user.
PAGE = """<!doctype html><meta name="referrer" content="no-referrer">
<img src="{url}/register/image"><iframe src="{url}/register/frame"></iframe>
<form action="{url}/register/form" target="there"></form><iframe name="there"></iframe>
<script>
document.forms[0].submit();
fetch("{url}/register/fetch").catch(() => 0);
fetch("{url}/register/opaque", {{mode: "no-cors", headers: {{"User-Agent": "curl/8"}}}});
navigator.sendBeacon("{url}/holdings/beacon", "bafkqaaa");
</script>"""
REQUESTS = 6


@unittest.skipUnless(CHROMIUM, "no Chromium: deploy/install-deps --browser installs it")
class Browser(EdgeTest):
    def serve(self, page):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = page.encode() if self.path == "/" else b""
                self.send_response(200 if body else 404)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.world.on_close(server.server_close)
        self.world.on_close(server.shutdown)
        return server.server_port

    def visit(self, port):
        """Names of the zone .test are this machine, so that the browser takes them for far ones."""
        return self.world.start("chromium", [
            CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-extensions",
            f"--user-data-dir={self.world.subfolder('profile')}", "--remote-debugging-port=0",
            "--host-resolver-rules=MAP *.test 127.0.0.1", f"http://page.test:{port}/"])

    def check(self, host):
        edge = Edge(self.world)
        home = edge.fake("home")
        port = self.serve(PAGE.format(url=f"http://{host}:{edge.in_clear(edge.l2_port)}"))
        browser = self.visit(port)
        refused = "daphnis_l2_web_pages_refused_total"
        wait_for(lambda: edge.metrics()[refused] >= REQUESTS or not browser.running(),
                 "all that the page asks for is refused", 30)
        self.assertEqual(REQUESTS, edge.metrics()[refused])
        self.assertEqual(["home"], list(edge.l2s()))
        self.assertEqual(200, home.status)

    def test_a_page_cannot_make_its_visitors_l2s(self):
        self.check("edge.test")

    def test_nor_of_an_edge_on_the_same_machine(self):
        self.check("127.0.0.1")
