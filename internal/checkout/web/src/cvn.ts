// Asks for the CVN again, because the browser's share was lost. It goes straight to the gateway and stays
// nowhere.
import { call, pause, Refused, Step } from './step';
import { say, sayRefused } from './words';

const page = document.body.dataset.page!;
const digits = Number(document.body.dataset.digits);
const form = document.getElementById('form') as HTMLFormElement;
const box = document.getElementById('cvn') as HTMLInputElement;
const problem = document.getElementById('error')!;
const button = document.getElementById('submit') as HTMLButtonElement;
const wrongLength = say('page.code_length', { digits });
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
    complain(error instanceof Refused ? words(error) : say('cvn.interrupted'));
  }
});

document.getElementById('cancel')!.addEventListener('click', async () => {
  if (busy) return;
  setBusy(true);
  forgive();
  try {
    go(await call(`/pay/${page}/cancel`, {}));
  } catch (error) {
    setBusy(false);
    complain(error instanceof Refused ? words(error) : say('cvn.interrupted'));
  }
});

function go(step: Step): void {
  location.replace(step.do === 'done' && step.return_url ? step.return_url : `/pay/${page}`);
}

function words(refused: Refused): string {
  return refused.code === 'API_VALIDATION_ERROR' ? wrongLength : sayRefused(refused.code);
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
button.disabled = false; // until here, Enter would have sent nothing: the box has no name and the form no way
void follow();
