// What is printed on a card, as people type it: the payer is told early what a mistyped digit is. The gateway
// judges it all again, and alone decides.

// brandOf tells the scheme from the first digits, as internal/card does; empty while nobody can know.
export function brandOf(typed: string): string {
  const number = typed.replace(/\D/g, '');
  const start = Number(number.slice(0, 4));
  if (number.startsWith('4')) return 'VISA';
  if (/^3[47]/.test(number)) return 'AMEX';
  if (/^5[1-5]/.test(number) || number.length >= 4 && start >= 2221 && start <= 2720) return 'MASTERCARD';
  if (number.length >= 4 && (start >= 3528 && start <= 3589 || start === 3337)) return 'JCB';
  return '';
}

export const cvnDigits = (brand: string): number => (brand === 'AMEX' ? 4 : 3);

// groupNumber writes a number in the groups that it has on the card.
export function groupNumber(typed: string): string {
  const number = typed.replace(/\D/g, '').slice(0, 19);
  const groups = brandOf(number) === 'AMEX' ? /^(\d{1,4})(\d{0,6})(\d*)$/ : /^(\d{1,4})(\d{0,4})(\d{0,4})(\d{0,4})(\d*)$/;
  return (groups.exec(number) ?? []).slice(1).filter(Boolean).join(' ');
}

// isCardNumber checks length and check digit (ISO/IEC 7812-1 annex B).
export function isCardNumber(typed: string): boolean {
  const number = typed.replace(/\D/g, '');
  let sum = 0;
  for (let i = 0; i < number.length; i++) {
    const digit = Number(number[number.length - 1 - i]) * (1 + (i % 2));
    sum += digit > 9 ? digit - 9 : digit;
  }
  return number.length >= 12 && number.length <= 19 && sum % 10 === 0;
}

// writeExpiry writes "MM/YY" out of what is typed or filled in: "1229", "12/2029", "2029-12". The stroke comes
// by itself, and does not come back while the payer deletes.
export function writeExpiry(typed: string, deleting: boolean): string {
  const sorted = /^(20\d\d)-(\d\d)$/.exec(typed);
  let digits = sorted ? sorted[2]! + sorted[1]! : typed.replace(/\D/g, '').slice(0, 6);
  if (/^[2-9]/.test(digits)) digits = ('0' + digits).slice(0, 6);
  if (/^\d$/.test(digits) && /\/$/.test(typed)) digits = '0' + digits; // "1/"
  if (/^\d\d20\d\d$/.test(digits)) digits = digits.slice(0, 2) + digits.slice(4);
  if (digits.length > 2) return digits.slice(0, 2) + '/' + digits.slice(2);
  return digits.length === 2 && !deleting ? digits + '/' : digits;
}

// expiryOf reads "MM/YY".
export function expiryOf(written: string): { month: string; year: string } | undefined {
  const found = /^(0[1-9]|1[0-2])\/(\d\d)$/.exec(written);
  return found ? { month: found[1]!, year: '20' + found[2]! } : undefined;
}
