// The amount as people of the page's language write it. What the server wrote stays where the browser
// does not know the currency.
export function showAmounts(): void {
  for (const element of document.querySelectorAll<HTMLElement>('[data-amount]')) {
    const { amount, currency } = element.dataset;
    try {
      const digits = amount!.includes('.') ? undefined : 0;
      element.textContent = new Intl.NumberFormat(document.documentElement.lang, {
        style: 'currency', currency: currency!, minimumFractionDigits: digits,
      }).format(Number(amount));
    } catch { /* keep the plain text */ }
  }
}
