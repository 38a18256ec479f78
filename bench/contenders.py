"""The servers that bench/miss and bench/hit set side by side, each in front of its own source of the
same CARs, all with an access log."""

import os

from harness import Edge, wait_for
import meters

CORES = os.cpu_count()
OURS = "Daphnis, verified, no cache"
OURS_REFUSING = "Daphnis, verified, cache refuses"
OURS_WRITING = "Daphnis, verified, cache is written"
OURS_ALL = (OURS, OURS_REFUSING, OURS_WRITING)
FILLING = "nginx, proxy_cache is filled"

NGINX = """
{user}
worker_processes {cores};
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log {folder}/access.log;
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  keepalive_requests 1000000;
  {body}
}}
"""
STATIC = "sendfile on; tcp_nopush on; server {{ listen 127.0.0.1:{port}; root {root}; }}"
PROXY = """
  upstream source {{ server 127.0.0.1:{source}; keepalive 64; keepalive_requests 1000000; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://source; proxy_http_version 1.1; proxy_set_header Connection "";
      {extra}
    }}
  }}
"""
HAPROXY = """
global
  nbthread {cores}
  log stdout format raw local0
defaults
  mode http
  log global
  option httplog
  {extra}
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend in
  bind 127.0.0.1:{port}
  default_backend source
backend source
  http-reuse always
  server s 127.0.0.1:{source}
"""


# What a proxy cache is filled by. One folder, so that a file gets its name without a copy.
CACHED = """
  proxy_cache_path {folder}/cache levels=1:2 keys_zone=zone:10m max_size=8g inactive=1d
                   use_temp_path=off;
  sendfile on; tcp_nopush on;
""" + PROXY
FILL = "proxy_cache zone; proxy_cache_valid 200 1d;"


class Server:
    """What bench/miss does with any of them."""

    def empty(self):
        """Forgets what it keeps."""

    def fresh(self, url):
        """A URL for the same that it does not know."""
        return url

    def wait_until_idle(self):
        """Waits until all that a request costs has been spent."""


class Nginx(Server):
    def __init__(self, world, name, port, body, cores=CORES, **values):
        folder = world.subfolder(name)
        config = folder / "nginx.conf"
        config.write_text(NGINX.format(
            user="user root;" if os.geteuid() == 0 else "", cores=cores, folder=folder,
            body=body.format(port=port, folder=folder, **values)))
        self.name = name
        self.process = world.start(name, ["nginx", "-c", config])
        wait_for(lambda: Edge.listens(port), f"{name} listens")
        self.url = f"http://127.0.0.1:{port}/{{}}"

    def parts(self):
        return {"": meters.tree(self.process.pid)}


class FillingNginx(Nginx):
    rounds = 0

    def empty(self):
        self.rounds += 1

    def fresh(self, url):
        return f"{url}?{self.rounds}"


class HAProxy(Server):
    def __init__(self, world, name, port, source, extra):
        config = world.folder / f"{name}.cfg"
        config.write_text(HAPROXY.format(cores=CORES, port=port, source=source, extra=extra))
        self.process = world.start(name, ["haproxy", "-db", "-f", config])
        wait_for(lambda: Edge.listens(port), f"{name} listens")
        self.url = f"http://127.0.0.1:{port}/{{}}"

    def parts(self):
        return {"": meters.tree(self.process.pid)}


class Varnish(Server):
    """With varnishncsa, which writes its access log and is billed with it."""

    def __init__(self, world, name, port, source):
        folder = world.subfolder(name)
        vcl = folder / "vcl"
        vcl.write_text(f'vcl 4.1; backend source {{ .host = "127.0.0.1"; .port = "{source}"; }}')
        # Its log lies in memory-mapped segments, which Varnish wants on a tmpfs.
        workdir = folder / "work"
        self.process = world.start(name, [
            "varnishd", "-F", "-j", "none", "-n", workdir, "-a", f"127.0.0.1:{port}", "-f", vcl,
            "-s", "malloc,3G", "-p", "default_grace=0", "-t", "86400"])
        wait_for(lambda: Edge.listens(port), f"{name} listens")
        self.log = world.start(name + "-log", ["varnishncsa", "-n", workdir, "-w",
                                               folder / "access.log"])
        self.url = f"http://127.0.0.1:{port}/{{}}"

    def parts(self):
        return {"": meters.tree(self.process.pid) + meters.tree(self.log.pid)}


def cache_flags(folder):
    """Of a broker that caches all it is asked for, and reads none of it for its own ends."""
    return ["--cache-dir", folder, "--cache-limit", "8G", "--cache-scrub-mib-s", "0"]


class Daphnis(Server):
    """Broker and workers; every byte is verified. Its source is a daphnis-l2."""

    def __init__(self, world, store, workers=CORES, broker_flags=(), roots=None, worker_flags=(),
                 binaries=None):
        self.edge = Edge(world, workers=workers, broker_flags=broker_flags,
                         worker_flags=worker_flags, binaries=binaries)
        # No two L2s serve one store: the same files, in a folder of its own.
        own = world.subfolder(f"store-{self.edge.client_port}")
        for path in store.glob("*.car"):
            os.link(path, own / path.name)
        self.edge.l2(own, "bench", "--capacity", "64", roots=roots)
        self.url = self.edge.url("/ipfs/{}?format=car")

    def empty(self):
        done = self.edge.admin("/cache/purge?all=1", method="POST")
        if done.status != 200:
            raise SystemExit(f"purge: {done}")
        self.wait_until_idle()

    def wait_until_idle(self):
        self.edge.settle()

    def parts(self):
        return {"worker": [w.pid for w in self.edge.workers], "broker": [self.edge.broker.pid]}


def contenders(world, store, free_port, roots):
    """{name: contender}, ours first."""
    source = free_port()
    Nginx(world, "static-source", source, STATIC, root=store)

    def nginx(name, extra):
        return Nginx(world, name, free_port(), PROXY, source=source, extra=extra)

    def haproxy(name, extra):
        return HAProxy(world, name, free_port(), source, extra)

    def cached(name, limit):
        return Daphnis(world, store, roots=roots, broker_flags=[
            "--cache-dir", world.subfolder(name), "--cache-limit", limit])
    no_file = "proxy_max_temp_file_size 0;"
    return {
        OURS: Daphnis(world, store, roots=roots),
        OURS_REFUSING: cached("cache-small", "4K"),  # Nothing fits.
        OURS_WRITING: cached("cache-large", "8G"),
        "nginx, default": nginx("nginx-default", ""),
        "nginx, no temp file": nginx("nginx-no-file", no_file),
        "nginx, 16 × 64k, no temp file": nginx(
            "nginx-16x64k", no_file + " proxy_buffers 16 64k; proxy_buffer_size 64k;"
            " proxy_busy_buffers_size 128k;"),
        FILLING: FillingNginx(world, "nginx-filling", free_port(), CACHED, source=source,
                              extra=FILL),
        "HAProxy": haproxy("haproxy", "no option splice-auto"),
        "HAProxy, splice": haproxy("haproxy-splice", "option splice-response"),
    }
