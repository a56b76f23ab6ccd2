// The attempt's page. It does what the gateway says comes next, and knows nothing else: a reload, a second
// tab and the back button all end where the attempt is.
import { describe } from '../../../../sdk/browser';
import { frame, heard, post, runMethod } from './frame';
import { forgetPage, forgetShare, rememberPage, takeShare } from './share';
import { call, Form, pause, Refused, Step } from './step';
import { say, sayRefused } from './words';

const page = document.body.dataset.page!;
const merchant = document.body.dataset.merchant!;
const saves = document.body.dataset.saves !== undefined; // a card is saved, and nothing paid
const share = takeShare(page);
rememberPage(page);

const lookEvery = 1_500;
// EMV 3DS: a bank that gets no CReq within 30 s of its ARes gives up, and may show nothing to who comes later. From then
// on the payer is offered to start again.
const bankWaits = 30_000;

const element = (id: string): HTMLElement => document.getElementById(id)!;

function show(headline: string, detail: string, working = true): void {
  if (element('headline').textContent !== headline) element('headline').textContent = headline;
  if (element('detail').textContent !== detail) element('detail').textContent = detail;
  element('spinner').hidden = !working;
  title(headline);
}

function title(text: string): void { document.title = text + ' · ' + merchant; }

// offer shows the one way on from here.
function offer(text: string, address: string): void {
  const onward = element('onward') as HTMLAnchorElement;
  onward.textContent = text;
  onward.href = address;
  onward.hidden = false;
}

// The size that the bank's page is told to fit (challengeWindowSize, EMV 3DS 2.2 table A.1). It agrees with
// page.css: small screens are the bank's altogether. It stays what it was when the page opened: the bank has
// been told, and a keyboard that rises changes the window.
const windowSize = matchMedia('(max-width: 540px), (max-height: 640px)').matches ? '05' : '03';

function browser(): object {
  return {
    ...describe(),
    accept_header: document.body.dataset.accept || '*/*',
    window: windowSize,
  };
}

// The payer can give up until the acquirer is asked. The gateway says what has become of the payment: it may have been
// too late, and then the page goes on.
const cancel = element('cancel') as HTMLButtonElement;
let canceled = false;
let over = false;
let stuck = false;
cancel.addEventListener('click', async () => {
  if (canceled) return;
  canceled = true;
  cancel.setAttribute('aria-disabled', 'true');
  const step = await patiently(() => call(`/pay/${page}/cancel`, {})).catch(() => undefined); // the page itself is told why
  canceled = step?.do === 'done' && step.outcome === 'failed';
  cancel.removeAttribute('aria-disabled');
  if (!canceled) {
    if (stuck) location.reload(); // it was too late, and nobody is there to go on
    return;
  }
  over = true;
  showStatus();
  finish(step!);
});

// showStatus takes the bank's page away.
function showStatus(): void {
  document.body.classList.remove('challenged');
  element('bank').hidden = true;
  element('status').hidden = false;
}

// Whether the bank has begun anew from another tab. Two tabs that both show its page would break each other's
// challenge for ever at a bank that shows a page only once, so this one follows.
let following = false;
const beforeProof = (step: Step): boolean => ['authenticate', 'wait', 'challenge'].includes(step.do);

// The bank talks with the payer. Its page coming back proves nothing and may never happen: what counts is
// that the gateway has heard of the result.
async function runChallenge(form: Form, round: number): Promise<Step> {
  const place = element('bank');
  const shown = frame('reprise-challenge', say('pay.bank_asks'));
  element('status').hidden = true;
  place.append(shown);
  place.hidden = false;
  document.body.classList.add('challenged');
  title(say('pay.confirm'));
  // Typing goes to the bank: its page may put the caret into its box only where the frame has the focus before
  // it loads; some browsers lose that when a page of another site comes.
  shown.addEventListener('load', () => { if (document.activeElement !== shown) shown.focus(); });
  post(form, shown.name);
  shown.focus();

  const ended = new AbortController();
  const again = element('again') as HTMLButtonElement;
  const offered = setTimeout(() => { again.hidden = false; }, bankWaits);
  const pressed = new Promise<{ broken: boolean }>((resolve) => { again.onclick = () => resolve({ broken: true }); });
  try {
    let back = Promise.race([heard('challenge', 15 * 60_000, ended.signal), pressed]);
    for (;;) {
      const word = await Promise.race([back, pause(lookEvery)]);
      if (word) {
        if (word.broken) return await patiently(() => call(`/pay/${page}/restart`, { round }));
        back = pressed; // the frame says it once
      }
      const step = await look();
      if (step.challenge?.fields.creq === form.fields.creq) continue;
      following = beforeProof(step);
      return step;
    }
  } finally {
    ended.abort();
    clearTimeout(offered);
    again.hidden = true;
    showStatus();
    // The focus was in the bank's page. Who cannot see would be left nowhere when that goes.
    if (document.activeElement === shown) element('headline').focus();
    shown.remove();
  }
}

const look = (): Promise<Step> => patiently(() => call(`/pay/${page}/step?window=${windowSize}`));

// patiently repeats what only reads, or what the gateway takes once however often it is sent, while the
// gateway cannot be reached or says that it is busy.
async function patiently(ask: () => Promise<Step>): Promise<Step> {
  for (let wait = 500; ; wait = Math.min(wait * 2, 8_000)) {
    try {
      return await ask();
    } catch (error) {
      if (error instanceof Refused && error.status < 500 && error.status !== 429) throw error;
      show(say('pay.reconnecting'), say('pay.reconnecting_detail'));
      await pause(error instanceof Refused && error.retryAfter ? error.retryAfter * 1000 : wait);
    }
  }
}

function contacting(step: Step): void {
  if (step.step_up) show(say('pay.step_up'), say('pay.step_up_detail'));
  else show(say('pay.contacting'), say('pay.contacting_detail'));
}

function completing(step: Step): void {
  show(say(saves ? 'pay.saving' : 'pay.completing'), say(step.confirmed ? 'pay.confirmed' : 'pay.contacting_detail'));
}

function authenticate(completed: 'Y' | 'N' | 'U'): Promise<Step> {
  return patiently(() => call(`/pay/${page}/authenticate`, { browser: browser(), method_completed: completed }));
}

async function act(step: Step): Promise<Step | undefined> {
  if (following && beforeProof(step)) {
    show(say('pay.other_tab'), say('pay.other_tab_detail'));
    offer(say('pay.here'), location.pathname);
    await pause(lookEvery);
    return look();
  }
  element('onward').hidden = true;
  if (over) return undefined;
  cancel.hidden = !['open', 'authenticate', 'wait', 'challenge'].includes(step.do);
  switch (step.do) {
    case 'open':
      contacting(step);
      return patiently(() => call(`/pay/${page}/open`, { browser: browser(), method_completed: 'U' }));
    case 'authenticate':
      contacting(step);
      return authenticate(step.method ? await runMethod(step.method, say('pay.bank')) : 'U');
    case 'wait':
      contacting(step);
      await pause(lookEvery);
      return authenticate('N'); // taken up only where nobody is asking the bank any more
    case 'challenge':
      return runChallenge(step.challenge!, step.round ?? 0);
    case 'confirm':
      if (!share) return { do: 'retype' };
      completing(step);
      return patiently(() => call(`/pay/${page}/pay`, { share }));
    case 'complete': // no CVN was asked for, so nothing is in the escrow
      completing(step);
      return patiently(() => call(`/pay/${page}/pay`, { share: '' }));
    case 'retype':
      forgetShare(page);
      location.replace(`/pay/${page}/cvn`);
      return undefined;
    case 'pending':
      show(say('pay.pending'), say('pay.pending_detail'));
      await pause(lookEvery);
      return look();
    case 'done':
      return finish(step);
  }
}

function finish(step: Step): undefined {
  cancel.hidden = true;
  forgetShare(page);
  forgetPage();
  if (step.return_url) offer(say('page.back', { merchant }), step.return_url);
  if (step.outcome === 'canceled') {
    show(say('pay.replaced'), say('pay.replaced_detail'), false);
    return undefined;
  }
  if (step.outcome === 'succeeded') {
    // A merchant's server that made the payment need not have said where to go from here.
    const onward = step.return_url !== undefined;
    show(say(saves ? 'pay.saved' : 'pay.paid'), onward ? say('pay.onward', { merchant }) : say('pay.close'), onward);
  } else {
    show(say(canceled ? 'pay.canceled' : saves ? 'pay.not_saved' : 'pay.failed'), say('pay.not_charged'), false);
  }
  if (step.notice) {
    // The bank wants the payer to read this (cardholderInfo): it is not taken away.
    element('notice').textContent = step.notice;
    element('notice').hidden = false;
    element('headline').focus();
    return undefined;
  }
  if (step.return_url) location.replace(step.return_url);
  return undefined;
}

async function run(): Promise<void> {
  try {
    for (let step: Step | undefined = await look(); step; step = await act(step));
  } catch (error) {
    stuck = true;
    show(say('pay.stuck'), error instanceof Refused ? sayRefused(error.code) : say('pay.stuck_detail'), false);
    if (!(error instanceof Refused) || error.code === 'NOT_FOUND') return offer(say('pay.reload'), location.pathname);
    // What is refused is refused again, however often the page is loaded: another card, another day, or not at all.
    const { back } = document.body.dataset;
    if (back) offer(say('page.back', { merchant }), back);
    cancel.hidden = false;
  }
}

// The browser may bring this page back from its memory, with an old frame in it.
window.addEventListener('pageshow', (event) => { if (event.persisted) location.reload(); });
void run();
