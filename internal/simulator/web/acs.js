// A page with a form marked data-go is only a step on the way: it posts itself. The 3DS Method first tells the bank
// what browser this is.
const go = document.querySelector("form[data-go]");
if (go) arrive();

async function arrive() {
  const visit = go.closest("main").dataset.visit;
  if (visit) {
    try {
      await fetch("/method/browser", {
        method: "POST", headers: { "content-type": "application/json" },
        body: JSON.stringify({
          id: visit, user_agent: navigator.userAgent, time_zone: String(new Date().getTimezoneOffset()),
        }),
      });
    } catch { /* the bank knows less, and the payer goes on */ }
  }
  go.submit();
}

// A double click is one answer.
const once = document.querySelector("form[data-once]");
if (once) {
  once.addEventListener("submit", (event) => {
    if (event.defaultPrevented) return;
    if (once.dataset.sent) {
      event.preventDefault();
      return;
    }
    once.dataset.sent = "yes";
    const cancel = event.submitter && event.submitter.value === "cancel";
    document.getElementById("busy").textContent = cancel ? "Cancelling" : once.querySelector("#otp") ? "Checking the code" : "Answering";
    if (event.submitter) event.submitter.classList.add("busy");
  });
  // Back from the shop by the browser's cache: the page can be used again.
  window.addEventListener("pageshow", () => {
    delete once.dataset.sent;
    for (const button of once.querySelectorAll(".busy")) button.classList.remove("busy");
  });
}

const otp = document.getElementById("otp");
if (otp) {
  otp.focus();
  // Before the listener above, which leaves alone what is refused here.
  otp.form.addEventListener("submit", (event) => {
    const cancel = event.submitter && event.submitter.value === "cancel";
    if (cancel || /^\d{6}$/.test(otp.value.replace(/[ -]/g, ""))) return;
    event.preventDefault();
    const error = document.getElementById("otp-error");
    error.textContent = "";
    // Emptied and filled again, or a screen reader keeps silent about the same words.
    requestAnimationFrame(() => { error.textContent = "Enter the 6 digits of the code."; });
    otp.setAttribute("aria-invalid", "true");
    otp.focus();
  }, { capture: true });
}
