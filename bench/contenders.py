"""The proxies that bench/miss sets side by side, each in front of its own source of the same CARs,
all with an access log and one worker (or thread) per core."""

import os

from harness import Edge, wait_for
import meters

CORES = os.cpu_count()
OURS = "Daphnis, verified"

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


class Nginx:
    def __init__(self, world, name, port, body, **values):
        folder = world.subfolder(name)
        config = folder / "nginx.conf"
        config.write_text(NGINX.format(
            user="user root;" if os.geteuid() == 0 else "", cores=CORES, folder=folder,
            body=body.format(port=port, **values)))
        self.name = name
        self.process = world.start(name, ["nginx", "-c", config])
        wait_for(lambda: Edge.listens(port), f"{name} listens")
        self.url = f"http://127.0.0.1:{port}/{{}}"

    def parts(self):
        return {"": meters.tree(self.process.pid)}


class HAProxy:
    def __init__(self, world, name, port, source, extra):
        config = world.folder / f"{name}.cfg"
        config.write_text(HAPROXY.format(cores=CORES, port=port, source=source, extra=extra))
        self.process = world.start(name, ["haproxy", "-db", "-f", config])
        wait_for(lambda: Edge.listens(port), f"{name} listens")
        self.url = f"http://127.0.0.1:{port}/{{}}"

    def parts(self):
        return {"": meters.tree(self.process.pid)}


class Daphnis:
    """Broker and one worker per core; every byte is verified. Its source is a daphnis-l2."""

    def __init__(self, world, store):
        self.edge = Edge(world, workers=CORES)
        self.edge.l2(store, "bench", "--capacity", "64")
        self.url = self.edge.url("/ipfs/{}?format=car")

    def parts(self):
        return {"worker": [w.pid for w in self.edge.workers], "broker": [self.edge.broker.pid]}


def contenders(world, store, free_port):
    """{name: contender}, ours first."""
    source = free_port()
    Nginx(world, "static-source", source, STATIC, root=store)

    def nginx(name, extra):
        return Nginx(world, name, free_port(), PROXY, source=source, extra=extra)

    def haproxy(name, extra):
        return HAProxy(world, name, free_port(), source, extra)
    no_file = "proxy_max_temp_file_size 0;"
    return {
        OURS: Daphnis(world, store),
        "nginx, default": nginx("nginx-default", ""),
        "nginx, no temp file": nginx("nginx-no-file", no_file),
        "nginx, 16 × 64k, no temp file": nginx(
            "nginx-16x64k", no_file + " proxy_buffers 16 64k; proxy_buffer_size 64k;"
            " proxy_busy_buffers_size 128k;"),
        "HAProxy": haproxy("haproxy", "no option splice-auto"),
        "HAProxy, splice": haproxy("haproxy-splice", "option splice-response"),
    }
