"""The Caddyfile at work: Caddy on loopback, with its routes as they are adapted, and somebody behind it who says what arrived."""

import http.client
import json
import os
import socket
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

DOMAIN = "salon.example"
CRM = f"crm.{DOMAIN}"


def adapt(caddyfile):
    """The JSON that Caddy makes of a Caddyfile; raises with what Caddy says about it."""
    ran = subprocess.run(
        ["caddy", "adapt", "--config", str(caddyfile), "--adapter", "caddyfile", "--validate"],
        env={**os.environ, "DOMAIN": DOMAIN, "ACME_EMAIL": f"operator@{DOMAIN}", "XDG_DATA_HOME": tempfile.gettempdir()},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    if ran.returncode != 0:
        raise ValueError(ran.stderr.strip().splitlines()[-1])
    return json.loads(ran.stdout)


class Behind(BaseHTTPRequestHandler):
    """Plays whoever is behind Caddy."""

    protocol_version = "HTTP/1.1"

    def answer(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.server.seen.append({"path": self.path, "headers": dict(self.headers), "body": len(body)})
        self.send_response(502 if "bad-gateway" in self.path else 200)
        self.send_header("content-length", "0")
        self.send_header("set-cookie", "auth=answer-secret")
        # or connections that Caddy keeps would be answered after the end
        self.send_header("connection", "close")
        self.end_headers()

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def nodes(node):
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from nodes(value)
    elif isinstance(node, list):
        for value in node:
            yield from nodes(value)


def on_loopback(config, port, upstreams):
    """Without TLS and the admin address, on one loopback port, with the upstreams given instead of the containers."""
    config = json.loads(json.dumps(config))
    config["admin"] = {"disabled": True}
    config["apps"].pop("tls", None)
    for server in config["apps"]["http"]["servers"].values():
        server["listen"] = [f"127.0.0.1:{port}"]
        server["automatic_https"] = {"disable": True}
        server.pop("tls_connection_policies", None)
    for node in nodes(config):
        if node.get("handler") == "reverse_proxy":
            for upstream in node["upstreams"]:
                upstream["dial"] = upstreams[upstream["dial"]]
            # how long a restart is waited out is not what is looked at here
            node.get("load_balancing", {})["try_duration"] = 0
    return config


class Proxy:
    """A running Caddy."""

    def __init__(self, port, log, behind):
        self.port, self.log, self.behind = port, log, behind

    def ask(self, host, path, method="GET", body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, body=body, headers={"Host": host, **(headers or {})})
            reply = connection.getresponse()
            reply.read()
            return reply
        finally:
            connection.close()

    def logged(self):
        return self.log.read_text()


def wait_until_open(port, process):
    until = time.monotonic() + 10
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise ValueError("Caddy did not start")


@contextmanager
def running(config):
    behind = ThreadingHTTPServer(("127.0.0.1", 0), Behind)
    behind.seen = []
    threading.Thread(target=behind.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as scratch:
        here = f"127.0.0.1:{behind.server_port}"
        port, log = free_port(), Path(scratch) / "log"
        file = Path(scratch) / "caddy.json"
        file.write_text(json.dumps(on_loopback(config, port, {"salon-core:3391": here, "espocrm:80": here})))
        with log.open("w") as out:
            process = subprocess.Popen(
                ["caddy", "run", "--config", str(file)],
                env={**os.environ, "XDG_DATA_HOME": scratch, "XDG_CONFIG_HOME": scratch},
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        try:
            wait_until_open(port, process)
            yield Proxy(port, log, behind)
        finally:
            behind.shutdown()
            process.terminate()
            process.wait(timeout=10)
