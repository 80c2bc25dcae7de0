// What WhatsApp's and Instagram's salons share: the handshake, the signature, and the address of the Graph API.

import { createHmac } from "node:crypto";

export const VERIFY_TOKEN = "page-test-verify";

export const handshake = (query) => (query.get("hub.verify_token") === VERIFY_TOKEN ? query.get("hub.challenge") : "");

/** Checks `X-Hub-Signature-256` over the raw body. */
export const signedBy = (secret) => ({ headers, raw }) =>
  headers["x-hub-signature-256"] === `sha256=${createHmac("sha256", secret).update(raw).digest("hex")}`;

/** Calls the Graph API of a product as the holder of a token. */
export const graph = (base, token) => async (path, body) => {
  const response = await fetch(`${base}/v26.0/${path}`, {
    method: "POST", headers: { authorization: `Bearer ${token}`, "content-type": "application/json" }, body: JSON.stringify(body),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(`${path}: ${JSON.stringify(answer)}`);
  return answer;
};
