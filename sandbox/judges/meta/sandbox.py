"""The sandbox as the judges use it, and a callback for its webhooks."""

import json
import os
import re
import subprocess
import tempfile
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

APP, META_SECRET, SECRET, VERIFY_TOKEN = "670843887433847", "meta-app-secret", "app-secret", "verify & me"


class Sandbox:
    """Starts `$SALON_BIN_DIR/salon-sandbox` with the vendors' data in it; `stop` ends it."""

    def __init__(self, seed):
        folder = os.environ.get("SALON_BIN_DIR") or Path(__file__).parents[3] / "target" / "debug"
        with tempfile.NamedTemporaryFile("w", suffix=".json") as scenario:
            json.dump({"seed": seed}, scenario)
            scenario.flush()
            command = [Path(folder) / "salon-sandbox", "serve", "--addr", "127.0.0.1:0", "--scenario", scenario.name]
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            line = self._process.stdout.readline()
        found = re.search(r"listening on (http:\S+)", line)
        if not found:
            raise RuntimeError("the sandbox printed no address")
        self.url = found.group(1)

    def stop(self):
        self._process.terminate()
        self._process.wait()
        self._process.stdout.close()

    def control(self, path, body=None):
        """A request to the sandbox itself, not to a vendor."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/control{path}", data, {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def act(self, vendor, do, **more):
        return self.control(f"/vendors/{vendor}/act", {"do": do, **more})

    def violations(self, vendor):
        """What the vendor forbids, of all that was done so far."""
        return [entry for entry in self.control("/violations") if entry["vendor"] == vendor]


class Callback:
    """Hands handshakes and webhooks over: `prove(query)` and `take(headers, raw)` give the text and the status of the answer."""

    def __init__(self, prove, take):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
                self._answer(*prove(query))

            def do_POST(self):
                self._answer(*take(self.headers, self.rfile.read(int(self.headers["content-length"]))))

            def _answer(self, text, status):
                body = (text or "").encode()
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hooks"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()


def eventually(what, probe):
    """Asks `probe` again until it answers something true."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        answer = probe()
        if answer:
            return answer
        time.sleep(0.02)
    raise AssertionError(f"waited in vain for {what}")
