// A page with a form marked data-go is only a step on the way: it posts itself.
const go = document.querySelector("form[data-go]");
if (go) go.submit();

const otp = document.getElementById("otp");
if (otp) {
  otp.focus();
  otp.form.addEventListener("submit", (event) => {
    const cancel = event.submitter && event.submitter.value === "cancel";
    const error = document.getElementById("otp-error");
    if (!cancel && !/^\d{6}$/.test(otp.value.replace(/[ -]/g, ""))) {
      event.preventDefault();
      error.textContent = "";
      // Emptied and filled again, or a screen reader keeps silent about the same words.
      requestAnimationFrame(() => { error.textContent = "Enter the 6 digits of the code."; });
      otp.setAttribute("aria-invalid", "true");
      otp.focus();
      return;
    }
    if (otp.form.dataset.sent) { // a double click is one answer
      event.preventDefault();
      return;
    }
    otp.form.dataset.sent = "yes";
    document.getElementById("busy").textContent = cancel ? "Cancelling" : "Checking the code";
    if (event.submitter) event.submitter.classList.add("busy");
  });
  // Back from the shop by the browser's cache: the page can be used again.
  window.addEventListener("pageshow", () => {
    delete otp.form.dataset.sent;
    for (const button of otp.form.querySelectorAll(".busy")) button.classList.remove("busy");
  });
}
