// The browser's share is one half of the key to the CVN. It comes in the address's fragment, which no
// server sees, and is taken out of there before anything else happens on this page. It stays in this tab:
// in memory, and in sessionStorage for a reload where the browser allows it.
const name = (page: string): string => 'reprise.share.' + page;

export function takeShare(page: string): string {
  const found = /^#k=([A-Za-z0-9_-]{43})$/.exec(location.hash);
  history.replaceState(history.state, '', location.pathname);
  if (found) {
    stored((s) => s.setItem(name(page), found[1]!));
    return found[1]!;
  }
  return stored((s) => s.getItem(name(page))) ?? '';
}

export function forgetShare(page: string): void { stored((s) => s.removeItem(name(page))); }

// A bank's page that breaks out of its frame finds its way back here (return.ts).
export function rememberPage(page: string): void { stored((s) => s.setItem('reprise.page', page)); }
export function forgetPage(): void { stored((s) => s.removeItem('reprise.page')); }
export function rememberedPage(): string { return stored((s) => s.getItem('reprise.page')) ?? ''; }

function stored<T>(use: (storage: Storage) => T): T | undefined {
  try { return use(sessionStorage); } catch { return undefined; }
}
