"use strict";

// The two pages of the shop that move: the basket pays, the receipt waits.

{
  const form = document.getElementById("pay");
  if (form) basket(form);
  const receipt = document.getElementById("receipt");
  if (receipt && receipt.dataset.status === "waiting") wait(receipt);
}

function basket(form) {
  const id = (name) => document.getElementById(name);
  const cvn = id("cvn");
  const button = id("pay-button");
  const label = id("pay-label").textContent;
  const { order, key } = form.dataset;
  const receipt = `/orders/${encodeURIComponent(order)}`;
  let busy = false;
  let ahead = ""; // the card for which a session has been opened ahead of the click

  const card = () => form.querySelector("input[name=card]:checked, input[name=card][type=hidden]");
  const digits = () => Number(card().dataset.digits);

  /** Makes the page agree with the card that is chosen. */
  function show() {
    const option = card().closest(".option");
    if (option) {
      id("chosen-mark").innerHTML = option.querySelector(".option-mark").innerHTML;
      id("chosen-name").innerHTML = option.querySelector(".option-name").innerHTML;
    }
    cvn.maxLength = digits();
    form.classList.toggle("four", digits() === 4);
    id("cvn-hint").textContent = `The ${digits()} digits on the ${digits() === 4 ? "front" : "back"} of your card`;
  }

  function setBusy(on, text = "") {
    busy = on;
    // aria-disabled, not disabled: the button keeps the focus, and a screen reader its place.
    button.setAttribute("aria-disabled", String(on));
    cvn.readOnly = on;
    id("pay-label").textContent = on ? text : label;
    id("progress").textContent = text;
  }

  function fieldError(text) {
    id("cvn-error").textContent = text;
    if (text) {
      cvn.setAttribute("aria-invalid", "true");
      cvn.focus();
    } else {
      cvn.removeAttribute("aria-invalid");
    }
  }

  function problem(title, advice) {
    id("problem").hidden = !title;
    id("problem-title").textContent = title;
    id("problem-advice").textContent = advice;
    attend();
  }

  /** Leads to what went wrong, and to the field where it can be put right. */
  function attend() {
    if (id("problem").hidden) return;
    cvn.focus({ preventScroll: true });
    id("problem").scrollIntoView({ block: "start" });
  }

  /** Opens the session while the payer types, and has the bank look at the browser meanwhile. The click does without. */
  async function getReady() {
    const chosen = card().value;
    if (busy || ahead === chosen || !window.Xendit) return;
    ahead = chosen;
    try {
      const opened = await post("/checkout", { order, card: chosen, ahead: true });
      if (!opened.payment_session_id) return;
      Xendit.setPublishableKey(key);
      Xendit.payment.prepare({ payment_session_id: opened.payment_session_id });
    } catch {
      ahead = ""; // the next time, maybe
    }
  }

  async function pay() {
    if (busy) return;
    fieldError("");
    problem("", "");
    const code = cvn.value.trim();
    if (!/^\d+$/.test(code) || code.length !== digits()) {
      fieldError(code ? `The security code has ${digits()} digits.` : "Enter the security code.");
      return;
    }
    if (!window.Xendit) {
      problem("The payment service could not be loaded", "You have not been charged. Check your connection and reload the page.");
      return;
    }
    setBusy(true, "Starting the payment…");
    try {
      const opened = await post("/checkout", { order, card: card().value });
      if (!opened.payment_session_id) return leave(opened.receipt);

      Xendit.setPublishableKey(key);
      const answer = await Xendit.payment.collectCardData({ cvn: code, payment_session_id: opened.payment_session_id });
      setBusy(true, answer.action_url ? "Going to your bank…" : "Paying…");
      // Kept for the shop's books. Webhooks find the order without it, so a failure stops nobody.
      await post(`${receipt}/attempt`, { payment_request_id: answer.payment_request_id }).catch(() => {});
      leave(answer.action_url || opened.receipt);
    } catch (error) {
      setBusy(false);
      cvn.value = "";
      explain(error);
    }
  }

  /** Says what the SDK (error_code), the shop (message) or the network (neither) made of it. */
  function explain(error) {
    if ((error.errors || []).some((fault) => /\bcvn$/.test(fault.path))) {
      fieldError(`Check the security code: it has ${digits()} digits.`);
    } else if (error.error_code === "SERVICE_UNAVAILABLE" && error.status) {
      problem("An earlier payment is still being processed", "Please wait a moment. If it went through, your receipt will open by itself.");
      follow(error.retry_after || 2);
    } else if (error.error_code === "SERVICE_UNAVAILABLE" || error instanceof TypeError) {
      problem("The connection was lost", "Check your connection and try again. You will not be charged twice.");
    } else if (error.error_code === "PAYMENT_ATTEMPT_COUNTS_EXCEEDED") {
      problem("There were too many attempts with this card", "You have not been charged. Please use another card, or try again tomorrow.");
      if (id("closed")) id("closed").hidden = false;
    } else if (error.status === 429) {
      problem("There were too many attempts", "You have not been charged. Please wait a while and try again.");
    } else if (error.error_code) {
      problem("The payment could not be started", "You have not been charged. Please try again, or use another card.");
    } else {
      problem("The payment could not be started", error.message || "You have not been charged. Please try again in a moment.");
    }
  }

  /** Asks how the order stands, for a while, and acts on what has become of it. */
  function follow(seconds, left = 20) {
    setTimeout(async () => {
      const now = await get(`${receipt}/status`);
      if (busy) return; // paying again
      if (now && now.status === "paid") {
        location.replace(receipt);
      } else if (now && now.problem) {
        problem(now.problem.title, now.problem.advice);
      } else if (left > 1) {
        follow(Math.min(seconds * 1.5, 5), left - 1);
      }
    }, seconds * 1000);
  }

  function leave(address) {
    cvn.value = "";
    location.assign(address);
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    pay();
  });
  form.addEventListener("change", (event) => {
    if (event.target.name !== "card") return;
    cvn.value = "";
    fieldError("");
    show();
  });
  cvn.addEventListener("focus", getReady);
  cvn.addEventListener("input", () => {
    const only = cvn.value.replace(/\D/g, "");
    if (only !== cvn.value) cvn.value = only;
    if (cvn.hasAttribute("aria-invalid")) fieldError("");
  });

  // Also runs when the back button brings the page back from the browser's cache, as it was left.
  addEventListener("pageshow", async (event) => {
    setBusy(false);
    cvn.value = "";
    show();
    ahead = "";
    attend();
    if (document.activeElement === cvn) getReady();
    if (event.persisted) {
      const now = await get(`${receipt}/status`);
      if (now && now.status === "paid") location.replace(receipt);
      else if (now && now.problem) problem(now.problem.title, now.problem.advice);
    }
  });
  if ("pending" in form.dataset) follow(1);
}

function wait(page) {
  const started = Date.now();
  const address = `/orders/${encodeURIComponent(page.dataset.order)}`;
  const ask = async (pause) => {
    const now = await get(`${address}/status`);
    if (now && now.status === "lost") return location.reload();
    if (now && now.status !== "waiting") {
      const html = await fetch(address).then((r) => r.text(), () => "");
      const fresh = new DOMParser().parseFromString(html, "text/html");
      const content = fresh.getElementById("receipt");
      if (content) {
        document.title = fresh.title;
        page.replaceWith(content);
        document.getElementById("outcome-title").focus(); // read out what has changed
        return;
      }
    }
    const slow = document.getElementById("slow");
    if (Date.now() - started > 20000) slow.hidden = false;
    setTimeout(ask, pause, Math.min(pause * 1.3, 5000));
  };
  ask(500);
}

async function post(path, body) {
  const response = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw { message: answer.message };
  return answer;
}

/** How an order stands: "lost" when the shop does not know it any more, null when there is no answer for now. */
function get(path) {
  return fetch(path).then((r) => (r.ok ? r.json() : r.status === 404 ? { status: "lost" } : null)).catch(() => null);
}
