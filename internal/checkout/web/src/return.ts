// A bank's page has come back into a frame of ours. The page around the frame is told that it did; what
// was said proves nothing and is not passed on.
import { rememberedPage } from './share';

const { from, broken, back } = document.body.dataset;
const page = (): string => rememberedPage() || document.body.dataset.page || '';
if (window.parent !== window) {
  window.parent.postMessage({ reprise: from, broken: broken === '1' }, location.origin);
} else if (/^[A-Za-z0-9_-]+$/.test(page())) {
  location.replace('/pay/' + page());
} else {
  document.querySelector('h1')!.textContent = back!;
}
