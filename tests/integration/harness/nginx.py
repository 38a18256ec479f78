"""A real nginx in front of an edge."""

import os
import pathlib
import shutil

from .edge import Edge
from .process import wait_for

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
STREAM_MODULE = pathlib.Path("/usr/lib/nginx/modules/ngx_stream_module.so")

FRAME = """
{modules}
daemon off;
{user}
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 256; }}
{page}
"""

HTTP = """
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
{page}
}}
"""


def start_nginx(world, page, port):
    """Starts nginx with `page` in its http block, and waits until it listens on that port."""
    _start(world, HTTP.format(folder=world.folder, page=page), [port])


def start_nginx_stream(world, page, ports):
    """The same with `page`, which has a stream block, beside that, and several ports."""
    _start(world, page, ports, f"load_module {STREAM_MODULE};")


def _start(world, page, ports, modules=""):
    configuration = world.folder / "nginx.conf"
    configuration.write_text(FRAME.format(
        folder=world.folder, page=page, modules=modules,
        user="user root;" if os.geteuid() == 0 else ""))
    nginx = world.start("nginx", [NGINX, "-e", "stderr", "-p", world.folder, "-c", configuration])
    wait_for(lambda: all(map(Edge.listens, ports)) or not nginx.running(), "nginx listens")
