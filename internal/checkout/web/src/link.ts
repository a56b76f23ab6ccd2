// The payment link: takes a new card, or the CVN of the stored one, straight to the gateway. What is typed
// here stays in the boxes and goes nowhere else; which page is shown is the gateway's to say.
import { brandOf, cvnDigits, expiryOf, groupNumber, isCardNumber, writeExpiry } from './card';
import { call, pause, Refused } from './step';
import { say, sayRefused } from './words';

interface Answer { action_url?: string; return_url?: string; }

const { link, state, month } = document.body.dataset;
const path = '/link/' + link;
const box = (id: string): HTMLInputElement | null => document.querySelector(`input#${id}`);
const number = box('number');
const expiry = box('expiry');
const cvn = box('cvn');
const name = box('name');
let digits = Number(document.body.dataset.digits);

// What is wrong with a box, in the payer's words; empty where nothing is. One that is empty is wrong only when
// the payer wants to go on.
const judges: Record<string, (value: string) => string> = {
  number: (value) => (value === '' ? say('card.number_missing') : !isCardNumber(value) ? say('card.number_wrong') : brandOf(value) ? '' : say('card.number_brand')),
  expiry: (value) => {
    if (value === '') return say('card.expiry_missing');
    const last = expiryOf(value);
    if (!last) return say('card.expiry_wrong');
    return `${last.year}-${last.month}` < month! ? say('card.expiry_past') : '';
  },
  cvn: (value) => (new RegExp(`^\\d{${digits}}$`).test(value) ? '' : say('page.code_length', { digits })),
  name: (value) => (value.trim() === '' ? say('card.name_missing') : ''),
};

// The boxes of this page, in the order in which they stand on it.
const boxes = [number, expiry, cvn, name].filter((input) => input !== null);

function tell(input: HTMLInputElement, problem: string): void {
  const place = document.getElementById(input.id + '-error')!;
  if (place.textContent !== problem) place.textContent = problem;
  if (problem) input.setAttribute('aria-invalid', 'true');
  else input.removeAttribute('aria-invalid');
}

// A text that comes or goes moves what stands below it. While a finger or a mouse button is down it has to wait,
// or else the click would miss what was pressed.
let pressed = false;
const waiting: (() => void)[] = [];
addEventListener('pointerdown', () => { pressed = true; }, true);
for (const end of ['pointerup', 'pointercancel']) {
  addEventListener(end, () => {
    pressed = false;
    setTimeout(() => { for (const act of waiting.splice(0)) act(); }); // after the click
  }, true);
}

function calmly(act: () => void): void {
  if (pressed) waiting.push(act);
  else act();
}

// retype rewrites a box as it is typed, and leaves the caret behind the character it was behind.
function retype(input: HTMLInputElement, write: (value: string) => string): void {
  const counted = /\d/g;
  const before = (input.value.slice(0, input.selectionStart ?? input.value.length).match(counted) ?? []).length;
  const written = write(input.value);
  if (written === input.value) return;
  const atEnd = input.selectionStart === input.value.length;
  input.value = written;
  let at = 0;
  for (let seen = 0; seen < before && at < written.length; at++) if (/\d/.test(written[at]!)) seen++;
  if (document.activeElement === input) input.setSelectionRange(atEnd ? written.length : at, atEnd ? written.length : at);
}

function showBrand(): void {
  const brand = brandOf(number!.value);
  for (const mark of document.querySelectorAll<SVGElement>('#brands [data-brand]')) {
    mark.toggleAttribute('hidden', number!.value !== '' && mark.dataset.brand !== brand);
  }
  if (cvnDigits(brand) === digits) return;
  digits = cvnDigits(brand);
  cvn!.maxLength = digits;
  document.getElementById('cvn-hint')!.textContent = say(digits === 4 ? 'page.code_on_front' : 'page.code_on_back');
  if (cvn!.value) tell(cvn!, judges.cvn!(cvn!.value));
}

number?.addEventListener('input', () => { retype(number, groupNumber); showBrand(); });
expiry?.addEventListener('input', (event) => {
  const deleting = event instanceof InputEvent && event.inputType.startsWith('delete');
  retype(expiry, (value) => writeExpiry(value, deleting));
});
cvn?.addEventListener('input', () => retype(cvn, (value) => value.replace(/\D/g, '')));
for (const input of boxes) {
  input.addEventListener('input', () => tell(input, ''));
  input.addEventListener('blur', () => calmly(() => { if (input.value !== '' && !busy) tell(input, judges[input.id]!(input.value)); }));
}

const form = document.getElementById('form') as HTMLFormElement | null;
const button = document.getElementById('submit') as HTMLButtonElement | null;
const label = document.getElementById('submit-words');
const invitation = label?.textContent ?? '';
let busy = false;

function setBusy(on: boolean): void {
  busy = on;
  button!.setAttribute('aria-disabled', String(on)); // not disabled: it keeps the focus
  label!.textContent = on ? say('card.busy') : invitation;
  document.getElementById('progress')!.textContent = on ? say('card.busy') : '';
  for (const input of boxes) input.readOnly = on;
}

function complain(text: string): void {
  const problem = document.getElementById('problem')!;
  problem.textContent = text;
  if (text) problem.focus();
}

// submission is what goes to the gateway: nothing that the page did not ask for.
function submission(): object {
  if (!number) return { cvn: cvn!.value };
  const last = expiryOf(expiry!.value)!;
  return {
    card_number: number.value.replace(/\D/g, ''), expiry_month: last.month, expiry_year: last.year, cvn: cvn!.value,
    cardholder_name: name!.value.trim(), confirm_save: box('save')?.checked ?? false,
  };
}

form?.addEventListener('submit', async (event) => {
  event.preventDefault();
  if (busy) return;
  const wrong = boxes.filter((input) => {
    const problem = judges[input.id]!(input.value);
    tell(input, problem);
    return problem !== '';
  });
  complain('');
  if (wrong[0]) {
    wrong[0].focus();
    return;
  }
  setBusy(true);
  try {
    const answer = await call<Answer>(path + '/pay', submission());
    for (const input of boxes) input.value = ''; // the browser may keep this page, and what is in it
    location.assign(answer.action_url ?? answer.return_url!);
  } catch (error) {
    await explain(error);
  }
});

// explain says what became of a submit that was not taken. The card stays in its boxes; the CVN has been used,
// or may have been, unless the gateway only found fault with what was typed.
async function explain(error: unknown): Promise<void> {
  if (!(error instanceof Refused) || !error.fields.length && error.code !== 'CARD_EXPIRED') {
    cvn!.value = '';
    if (await moved()) return;
  }
  setBusy(false);
  if (!(error instanceof Refused)) return complain(say('card.interrupted'));
  const named = error.code === 'CARD_EXPIRED' ? ['/body/expiry_month'] : error.fields;
  const faulty = named.map(boxFor).filter((input) => input !== null);
  for (const input of faulty) tell(input, judges[input.id]!(input.value) || wrong(input));
  if (!faulty[0]) return complain(sayRefused(error.code));
  if (faulty.includes(cvn!)) cvn!.value = '';
  faulty[0].focus();
}

// boxFor finds the box of a field of the API.
function boxFor(field: string): HTMLInputElement | null {
  const fields: Record<string, HTMLInputElement | null> = {
    card_number: number, expiry_month: expiry, expiry_year: expiry, cvn, cardholder_name: name,
  };
  return fields[field.replace('/body/', '')] ?? null;
}

// wrong is said where the gateway finds fault with what this page would have taken.
function wrong(input: HTMLInputElement): string {
  const texts: Record<string, string> = { number: 'card.number_wrong', expiry: 'card.expiry_past', name: 'card.name_missing' };
  return texts[input.id] ? say(texts[input.id]!) : say('page.code_length', { digits });
}

// moved looks whether the gateway would show another page by now, and then shows it.
async function moved(): Promise<boolean> {
  try {
    const response = await fetch(path, { credentials: 'omit', cache: 'no-store', referrerPolicy: 'no-referrer' });
    const now = new DOMParser().parseFromString(await response.text(), 'text/html').body.dataset.state;
    if (!now || now === state) return false;
  } catch {
    return false;
  }
  location.replace(path);
  return true;
}

async function follow(): Promise<void> {
  do await pause(2_000); while (!(await moved()));
}

// The browser may bring this page back from its memory, long after it was true.
window.addEventListener('pageshow', (event) => { if (event.persisted) location.replace(path); });
document.addEventListener('visibilitychange', () => { if (!document.hidden && !busy) void moved(); });
if (state === 'processing') void follow();
if (button) {
  button.disabled = false; // until here, Enter would have sent nothing
  if (number?.value) { retype(number, groupNumber); showBrand(); } // filled in by the browser before
  if (document.getElementById('problem')!.textContent) document.getElementById('problem')!.focus();
}
