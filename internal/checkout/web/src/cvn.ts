// Asks for the CVN again, because the browser's share was lost. It goes straight to the gateway and stays
// nowhere.
import { showAmounts } from './money';
import { call, Refused } from './step';

const page = document.body.dataset.page!;
const digits = Number(document.body.dataset.digits);
const form = document.getElementById('form') as HTMLFormElement;
const box = document.getElementById('cvn') as HTMLInputElement;
const problem = document.getElementById('error')!;
const button = document.getElementById('submit')!;
let busy = false;

function complain(text: string): void {
  problem.textContent = text;
  box.setAttribute('aria-invalid', 'true');
  box.focus();
}

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  if (busy) return;
  if (!new RegExp(`^\\d{${digits}}$`).test(box.value)) {
    complain(`Please type the ${digits} digits of the security code.`);
    return;
  }
  busy = true;
  button.setAttribute('aria-disabled', 'true');
  problem.textContent = '';
  box.removeAttribute('aria-invalid');
  const cvn = box.value;
  box.value = '';
  try {
    const step = await call(`/pay/${page}/cvn`, { cvn });
    location.replace(step.do === 'done' && step.return_url ? step.return_url : `/pay/${page}`);
  } catch (error) {
    busy = false;
    button.removeAttribute('aria-disabled');
    complain(error instanceof Refused ? error.message : 'No connection. Please try again.');
  }
});

window.addEventListener('pageshow', (event) => { if (event.persisted) location.reload(); });
showAmounts();
