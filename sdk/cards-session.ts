/// <reference path="./cards-session.d.ts" />

// cards-session.js takes a new card, or the CVN of a stored one, from the payer's page to the gateway, with what the
// payer's bank needs to know of the browser, and nothing else: it keeps no state but what is in flight, writes to no
// storage and to no log, and does not navigate.

import { describe } from "./browser";
import { faults } from "./check";
import { forget, prepare as begin, Prepared } from "./prepare";

type CollectData = Xendit.CollectData;
type CollectError = Xendit.CollectError;
type CollectResponse = Xendit.CollectResponse;

// The gateway is where this file came from, so a page names it once. Only a classic script knows
// its own address, and only while it runs for the first time.
const script = document.currentScript;
if (!(script instanceof HTMLScriptElement) || !script.src) {
  throw new Error("cards-session.js must be loaded by <script src>, not as a module or inline");
}
const gateway = new URL(script.src, location.href).origin;
const endpoint = gateway + "/v3/payment_with_session";

let publicKey = "";

function setPublishableKey(key: string): void {
  // A secret key in a page can be read by every visitor: stop here, before it is ever sent.
  if (typeof key !== "string" || !/^xnd_public_[\w-]+$/.test(key)) {
    throw new Error("Xendit.setPublishableKey: this is not a public key (xnd_public_…). Never put a secret key in a page.");
  }
  publicKey = key;
}

function prepare(data: Xendit.PrepareData): Promise<void> {
  const id = data && data.payment_session_id;
  return publicKey && typeof id === "string" && id ? prepared(id).then(() => undefined) : Promise.resolve();
}

function prepared(session: string): Promise<Prepared> {
  return begin(session, async (stop) => {
    const response = await send(`${endpoint}/${encodeURIComponent(session)}/preparation`, { signal: stop });
    return response.ok ? response.json() : undefined;
  }, gateway);
}

/** The one way to the gateway: with the key, and with nothing else that the browser knows of the payer. */
function send(address: string, request: RequestInit, more?: Record<string, string>): Promise<Response> {
  return fetch(address, {
    ...request,
    headers: { Authorization: `Basic ${btoa(`${publicKey}:`)}`, ...more },
    mode: "cors",
    credentials: "omit",
    referrerPolicy: "no-referrer",
    cache: "no-store",
    redirect: "error", // a card is never carried on to another address
  });
}

const inFlight = new Map<string, Promise<CollectResponse>>();

function collectCardData(data: CollectData, callback?: Xendit.CollectCallback): Promise<CollectResponse> {
  const id = data && data.payment_session_id;
  let answer = inFlight.get(id);
  if (!answer) {
    answer = collect(data).finally(() => inFlight.delete(id));
    inFlight.set(id, answer);
  }
  if (callback) {
    // A microtask of its own: what the callback throws is reported as the page's own error, and
    // never makes the callback run twice.
    answer.then(
      (response) => queueMicrotask(() => callback(null, response)),
      (error) => queueMicrotask(() => callback(error)),
    );
  }
  return answer;
}

async function collect(data: CollectData): Promise<CollectResponse> {
  if (!publicKey) {
    throw failure("INVALID_API_KEY", "Call Xendit.setPublishableKey before collectCardData");
  }
  const errors = faults(data);
  if (errors.length) {
    throw { ...failure("API_VALIDATION_ERROR", errors[0].message), errors };
  }

  const given = { ...data }; // what was judged, whatever the page does with its own meanwhile
  const session = given.payment_session_id;
  // Of a card that is typed nobody knows the bank before it comes.
  const ready: Partial<Prepared> = isGiven(given.card_number) ? { method_completed: "U" } : await prepared(session);
  let response: Response;
  try {
    // device: there is no fingerprint to send. Absent and null mean the same to the API.
    const body = JSON.stringify({ ...given, device: {}, browser: describe(), ...ready }, (_, value) => (value === null ? undefined : value));
    response = await send(endpoint, { method: "POST", body }, { "Content-Type": "application/json" });
  } catch {
    forget(session);
    throw failure("SERVICE_UNAVAILABLE", "The payment service could not be reached");
  }
  if (response.status < 400 || response.status >= 500) {
    forget(session);
  }

  // A body that breaks off or is not JSON is as good as none.
  const body: unknown = await response.json().catch(() => null);
  if (response.ok && isObject(body)) {
    return body as unknown as CollectResponse;
  }
  throw refusal(response, body);
}

/** The API's own error, completed with what only HTTP says. */
function refusal(response: Response, body: unknown): CollectError {
  const known = isObject(body) && typeof body.error_code === "string" && typeof body.message === "string";
  const error: CollectError = known
    ? { ...(body as unknown as CollectError) }
    : failure("SERVER_ERROR", "The payment service gave an answer that could not be read");
  error.status = response.status;
  const wait = response.headers.get("Retry-After");
  if (wait && /^\d+$/.test(wait)) {
    error.retry_after = Number(wait);
  }
  return error;
}

function failure(error_code: string, message: string): CollectError {
  return { error_code, message };
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const api: typeof Xendit = { setPublishableKey, payment: { prepare, collectCardData } };

// Other scripts of the same family may share the global.
const page = window as unknown as { Xendit?: Partial<typeof Xendit> };
page.Xendit = Object.assign(page.Xendit || {}, api);
