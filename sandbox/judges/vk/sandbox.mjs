// The sandbox as the judges use it: a private one, or the one at SANDBOX_URL.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/** Starts `$SALON_BIN_DIR/salon-sandbox`; `stop` ends it. */
export async function startSandbox() {
  if (process.env.SANDBOX_URL) return sandbox(process.env.SANDBOX_URL.replace(/\/$/, ""), () => {});
  const binary = `${process.env.SALON_BIN_DIR ?? "../../../target/debug"}/salon-sandbox`;
  const child = spawn(binary, ["serve", "--addr", "127.0.0.1:0"], { stdio: ["ignore", "pipe", "inherit"] });
  const failed = Promise.race([once(child, "error"), once(child, "exit")]).then(([why]) => { throw new Error(`${binary}: ${why}`); });
  failed.catch(() => {});
  const listening = (async () => {
    for await (const line of createInterface({ input: child.stdout })) {
      const [, url] = /listening on (http:\S+)/.exec(line) ?? [];
      if (url) return url;
    }
    throw new Error("the sandbox printed no address");
  })();
  return sandbox(await Promise.race([listening, failed]), () => child.kill());
}

function sandbox(url, stop) {
  const control = async (method, path, body) => {
    const headers = { "content-type": "application/json" };
    const response = await fetch(`${url}/control${path}`, { method, headers, body: body && JSON.stringify(body) });
    const answer = await response.json();
    assert.ok(response.ok, `${method} ${path}: ${response.status} ${JSON.stringify(answer)}`);
    return answer;
  };
  return {
    url,
    stop,
    seed: (vendor, data) => control("POST", `/vendors/${vendor}/seed`, data),
    act: (vendor, action) => control("POST", `/vendors/${vendor}/act`, action),
    /** What the vendor's specification forbids, of all that was done so far. */
    violations: async (vendor) => (await control("GET", "/violations")).filter((entry) => entry.vendor === vendor),
  };
}

/** Asks `probe` again until it answers something true. */
export async function eventually(what, probe) {
  for (const until = Date.now() + 10_000; Date.now() < until;) {
    const answer = await probe();
    if (answer) return answer;
    await new Promise((resolve) => { setTimeout(resolve, 20); });
  }
  throw new Error(`waited in vain for ${what}`);
}
