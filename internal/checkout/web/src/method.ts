// Stands in a hidden frame of a merchant's page, for cards-session.js: runs the bank's 3DS Method, and says how that
// ended. The site around it is any site; what it is told is no secret.
import { runMethod } from './frame';
import { Form } from './step';

async function run(): Promise<void> {
  const form = JSON.parse(decodeURIComponent(location.hash.slice(1))) as Form;
  history.replaceState(null, '', location.pathname);
  // A form of one field to a web address that is not our own, and no script in place of one: whoever frames this page
  // wrote the fragment.
  const bank = new URL(form.url);
  if (!/^https?:$/.test(bank.protocol) || bank.origin === location.origin) return;
  const { threeDSMethodData } = form.fields;
  const completed = await runMethod({ url: form.url, fields: { threeDSMethodData: String(threeDSMethodData) } }, document.title);
  window.parent.postMessage({ reprise: 'prepared', completed }, '*');
}

if (window.parent !== window) void run();
