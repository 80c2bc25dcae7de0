// The sandbox as the page's tests use it: a private one, or the one at SANDBOX_URL that holds no data yet.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

export async function startSandbox() {
  if (process.env.SANDBOX_URL) return sandbox(process.env.SANDBOX_URL.replace(/\/$/, ""), () => {});
  const binary = `${process.env.SALON_BIN_DIR ?? "../../../target/debug"}/salon-sandbox`;
  const child = spawn(binary, ["serve", "--addr", "127.0.0.1:0"], { stdio: ["ignore", "pipe", "inherit"] });
  const failed = once(child, "exit").then(([code]) => { throw new Error(`${binary} ended with ${code}`); });
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
    const response = await fetch(`${url}/control${path}`, {
      method, headers: { "content-type": "application/json" }, body: body && JSON.stringify(body),
    });
    const answer = await response.json();
    assert.ok(response.ok, `${method} ${path}: ${response.status} ${JSON.stringify(answer)}`);
    return answer;
  };
  return { url, stop, control };
}
