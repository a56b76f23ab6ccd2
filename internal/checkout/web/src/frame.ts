// Frames of the bank's, in pages of ours: what is posted into them, and how they come back.
import { Form } from './step';

export function frame(name: string, title: string): HTMLIFrameElement {
  const made = document.createElement('iframe');
  made.name = name;
  made.title = title;
  return made;
}

export function post(form: Form, target: string): void {
  const made = document.createElement('form');
  made.method = 'POST';
  made.action = form.url;
  made.target = target;
  made.hidden = true;
  for (const [name, value] of Object.entries(form.fields)) {
    const field = document.createElement('input');
    field.type = 'hidden';
    field.name = name;
    field.value = value;
    made.append(field);
  }
  document.body.append(made);
  made.submit();
  made.remove();
}

// heard waits for a word from a frame of ours, for a time, or until asked to stop.
export function heard(from: string, ms: number, stop?: AbortSignal): Promise<{ broken: boolean } | undefined> {
  return new Promise((resolve) => {
    const end = (word?: { broken: boolean }): void => {
      clearTimeout(timer);
      removeEventListener('message', listen);
      resolve(word);
    };
    const listen = (event: MessageEvent): void => {
      if (event.origin === location.origin && event.data?.reprise === from) end({ broken: event.data.broken === true });
    };
    const timer = setTimeout(end, ms);
    addEventListener('message', listen);
    stop?.addEventListener('abort', () => end());
  });
}

const methodTime = 10_000; // EMV 3DS 2.2 §5.8.1: wait no longer for the 3DS Method

// runMethod lets the bank look at the browser, unseen. That it never comes back is no error.
export async function runMethod(form: Form, title: string): Promise<'Y' | 'N'> {
  const hidden = frame('reprise-method', title);
  hidden.hidden = true;
  // Nobody sees this frame, so it may open nothing, ask nothing, and not lead the page around it elsewhere. The
  // bank's script has to run in it, and with its own origin, for the cookies and storage that it knows a browser by;
  // and the page of ours that the frame comes back to is known by its origin (heard). Chromium warns of the two
  // together, because a page of our origin could take the sandbox off: only that one of ours ever stands in it.
  hidden.setAttribute('sandbox', 'allow-scripts allow-forms allow-same-origin');
  document.body.append(hidden);
  const back = heard('method', methodTime);
  post(form, hidden.name);
  const came = await back;
  hidden.remove();
  return came ? 'Y' : 'N';
}
