#!/usr/bin/env node
// Signs a customer up and sends one purchase, with Node 18 or newer and nothing else.
//
//     examples/node.mjs [ORDER]       TILLPOST_URL and TILLPOST_KEY, or those of `serve --sandbox`
//
// Exits with 0 if the payment is in the books and not blocked, also if it was there before.

import { setTimeout as pause } from "node:timers/promises";

const url = process.env.TILLPOST_URL ?? "http://127.0.0.1:8080";
const key = process.env.TILLPOST_KEY ?? "sandbox-server-key";
const tries = 6;

/** Status and answer. Waits and sends the same bytes again where that may help. */
async function post(path, body) {
  const request = {
    method: "POST",
    headers: { "linkrunner-key": key, "content-type": "application/json" },
    body: JSON.stringify(body),
  };
  let trouble;
  for (let attempt = 0; attempt < tries; attempt += 1) {
    let wait = 2 ** attempt; // 1, 2, 4, 8, 16 seconds
    try {
      const signal = AbortSignal.timeout(10_000);
      const response = await fetch(`${url}/api/v1/${path}`, { ...request, signal });
      if (response.status !== 429 && response.status !== 503) {
        return { status: response.status, answer: await response.json() };
      }
      trouble = `answered ${response.status}`;
      wait = Number(response.headers.get("retry-after") ?? wait);
      await response.arrayBuffer(); // frees the connection
    } catch (error) {
      trouble = error.cause?.message ?? error.message; // time-out, no connection, half an answer
    }
    if (attempt + 1 < tries) {
      console.error(`${path}: ${trouble}; again in ${wait} s`);
      await pause(wait * 1000);
    }
  }
  throw new Error(`${path}: given up: ${trouble}`);
}

async function main() {
  // Both ids are yours. The order's is made before the first try and is the same in each.
  const order = process.argv[2] ?? "order-1001";
  const customer = "customer-1001";

  const person = { id: customer, email: "asha@example.com", phone: "+919876543210" };
  const signup = await post("signup", { user_data: person });
  if (signup.status !== 200) throw new Error(`${customer}: not signed up: ${signup.answer.msg}`);

  const { status, answer } = await post("capture-payment", {
    user_id: customer,
    payment_id: order,
    amount: 2000,
    currency: "INR",
    event_data: {
      content_ids: ["sku-1"],
      contents: [{ id: "sku-1", quantity: 2, item_price: 1000 }],
      content_type: "product",
      value: 2000,
      num_items: 2,
      order_id: order,
    },
  });
  const data = answer.data ?? {};
  for (const finding of [...(data.findings ?? []), ...(data.errors ?? [])]) {
    console.log(`  ${finding.severity} ${finding.code}: ${finding.says}`);
    if (finding.help) console.log(`    help: ${finding.help}`);
  }
  if (status !== 201) throw new Error(`${order}: refused with ${status}: ${answer.msg}`);
  const seen = data.duplicate ? " (a duplicate: it was recorded before)" : "";
  const because = data.because ? `: ${data.because}` : "";
  console.log(`${order}: ${data.verdict}${because}${seen}`);
  if (!data.recorded || data.verdict === "block") {
    throw new Error(`${order}: not sent to Meta; \`tillpost explain CODE\` says more`);
  }
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
