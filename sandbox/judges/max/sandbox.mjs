// The sandbox as a process, with one bot and two people at MAX, and the control API.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

export const BOT = 229229229;
export const TOKEN = "max-judge-token";
export const ANNA = 700100200;
export const OLGA = 700100201;

const SEED = {
  bots: [{ id: BOT, token: TOKEN, name: "Salon 42", username: "id7700000000_bot" }],
  people: [{ id: ANNA, first_name: "Anna", last_name: "P.", locale: "ru", phone: "79001234567" }, { id: OLGA, first_name: "Olga" }],
};

export async function startSandbox() {
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
  const url = await Promise.race([listening, failed]);
  const control = async (method, path, body) => {
    const headers = { "content-type": "application/json" };
    const response = await fetch(`${url}/control${path}`, { method, headers, body: body && JSON.stringify(body) });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return response.json();
  };
  await control("POST", "/vendors/max/seed", SEED);
  return {
    url,
    act: (action) => control("POST", "/vendors/max/act", { bot: BOT, person: ANNA, ...action }),
    snapshot: () => control("GET", "/vendors/max"),
    violations: () => control("GET", "/violations"),
    stop: () => child.kill(),
  };
}
