// Gets ready to pay while the payer types: asks the gateway whether the bank wants to look at this
// browser, and lets it (the 3DS Method), in a hidden frame. Whatever goes wrong here stops no payment:
// the bank then knows less and may ask the payer more.

/** threeDSCompInd: the Method came back in time, it did not, or there is none. */
type Completed = "Y" | "N" | "U";

/** What a submit takes along of a preparation. */
export interface Prepared {
  preparation?: string;
  method_completed: Completed;
}

interface Preparation {
  begun: number;
  prepared: Promise<Prepared>;
}

const unprepared: Prepared = { method_completed: "U" };
const methodTime = 10_000; // EMV 3DS 2.2 §5.8.1: wait no longer for the 3DS Method
const answerTime = 5_000;
const fresh = 10 * 60_000; // the gateway takes them for longer

const preparations = new Map<string, Preparation>();

/** Asks the gateway, until it is told to stop. */
type Ask = (stop: AbortSignal) => Promise<unknown>;

/** Begins, unless that was done. */
export function prepare(session: string, ask: Ask, gateway: string): Promise<Prepared> {
  let known = preparations.get(session);
  if (!known || Date.now() - known.begun > fresh) {
    known = { begun: Date.now(), prepared: begin(ask, gateway).catch(() => unprepared) };
    preparations.set(session, known);
  }
  return known.prepared;
}

/** A preparation is good for one submit that was taken, or may have been. */
export function forget(session: string): void {
  preparations.delete(session);
}

async function begin(ask: Ask, gateway: string): Promise<Prepared> {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), answerTime);
  const answer = (await ask(stop.signal)) as { preparation?: string; method?: object } | undefined;
  clearTimeout(timer);
  if (!answer || !answer.preparation || !answer.method) {
    return unprepared;
  }
  return { preparation: answer.preparation, method_completed: await runMethod(answer.method, gateway) };
}

// The frame is a page of the gateway's, and the bank's stands in that: so a page with a policy of its own
// has to admit the gateway, and no bank.
function runMethod(method: object, gateway: string): Promise<Completed> {
  return new Promise((resolve) => {
    const frame = document.createElement("iframe");
    const end = (completed: Completed): void => {
      clearTimeout(timer);
      removeEventListener("message", listen);
      document.removeEventListener("securitypolicyviolation", blocked);
      frame.remove();
      resolve(completed);
    };
    const listen = (event: MessageEvent): void => {
      if (event.source === frame.contentWindow && event.origin === gateway && event.data && event.data.reprise === "prepared") {
        end(event.data.completed === "Y" ? "Y" : "N");
      }
    };
    const blocked = (event: SecurityPolicyViolationEvent): void => {
      if (event.disposition === "enforce" && event.effectiveDirective === "frame-src" && event.blockedURI.startsWith(gateway)) {
        end("N");
      }
    };
    const timer = setTimeout(() => end("N"), methodTime);
    addEventListener("message", listen);
    document.addEventListener("securitypolicyviolation", blocked);
    frame.hidden = true;
    frame.tabIndex = -1;
    frame.setAttribute("aria-hidden", "true");
    frame.title = "3-D Secure";
    // It may run scripts and post forms, and not lead this page elsewhere.
    frame.setAttribute("sandbox", "allow-scripts allow-forms allow-same-origin");
    frame.referrerPolicy = "no-referrer";
    frame.src = `${gateway}/3ds/method#${encodeURIComponent(JSON.stringify(method))}`;
    (document.body || document.documentElement).append(frame);
  });
}
