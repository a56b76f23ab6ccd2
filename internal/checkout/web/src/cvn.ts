// Asks for the CVN again, because the browser's share was lost. It goes straight to the gateway and stays
// nowhere.
import { showAmounts } from './money';
import { call, pause, Refused, Step } from './step';

const page = document.body.dataset.page!;
const digits = Number(document.body.dataset.digits);
const form = document.getElementById('form') as HTMLFormElement;
const box = document.getElementById('cvn') as HTMLInputElement;
const problem = document.getElementById('error')!;
const button = document.getElementById('submit') as HTMLButtonElement;
const wrongLength = `Please type the ${digits} digits of the security code.`;
let busy = false;

function complain(text: string): void {
  problem.textContent = text;
  box.setAttribute('aria-invalid', 'true');
  box.focus();
}

function forgive(): void {
  problem.textContent = '';
  box.removeAttribute('aria-invalid');
}

function setBusy(on: boolean): void {
  busy = on;
  button.setAttribute('aria-disabled', String(on)); // not disabled: it keeps the focus
  box.readOnly = on;
}

// What is no digit is not taken: a CVN is often typed or filled in with a blank.
box.addEventListener('input', () => {
  const digitsOnly = box.value.replace(/\D/g, '');
  if (digitsOnly !== box.value) box.value = digitsOnly;
  forgive();
});

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  if (busy) return;
  if (!new RegExp(`^\\d{${digits}}$`).test(box.value)) {
    complain(wrongLength);
    return;
  }
  setBusy(true);
  forgive();
  const cvn = box.value;
  box.value = '';
  try {
    go(await call(`/pay/${page}/cvn`, { cvn }));
  } catch (error) {
    setBusy(false);
    complain(error instanceof Refused ? words(error) : 'The connection was interrupted. Please type the code again.');
  }
});

function go(step: Step): void {
  location.replace(step.do === 'done' && step.return_url ? step.return_url : `/pay/${page}`);
}

// words says a refusal to a person: of the API's messages only those that are meant for one.
function words(refused: Refused): string {
  if (refused.code === 'API_VALIDATION_ERROR') return wrongLength;
  return refused.code === 'PAYMENT_ATTEMPT_COUNTS_EXCEEDED' ? refused.message : 'That did not work. Please try again in a moment.';
}

// follow leaves the form where it is not needed: paid from another tab, replaced, or out of time.
async function follow(): Promise<void> {
  for (;;) {
    const step = await call(`/pay/${page}/step`).catch(() => undefined);
    if (busy) return;
    if (step && step.do !== 'confirm') return go(step);
    await pause(5_000);
  }
}

window.addEventListener('pageshow', (event) => { if (event.persisted) location.reload(); });
showAmounts();
button.disabled = false; // until here, Enter would have sent nothing: the box has no name and the form no way
void follow();
