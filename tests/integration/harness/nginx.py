"""A real nginx in front of an edge."""

import os
import shutil

from .edge import Edge
from .process import wait_for

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")

FRAME = """
daemon off;
{user}
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 256; }}
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
    configuration = world.folder / "nginx.conf"
    configuration.write_text(FRAME.format(
        folder=world.folder, page=page, user="user root;" if os.geteuid() == 0 else ""))
    nginx = world.start("nginx", [NGINX, "-e", "stderr", "-p", world.folder, "-c", configuration])
    wait_for(lambda: Edge.listens(port) or not nginx.running(), "nginx listens")
