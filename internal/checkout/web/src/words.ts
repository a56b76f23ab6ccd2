// What this page says, in the payer's language. The gateway has put the texts into the page.
const texts: Record<string, string> = JSON.parse(document.getElementById('words')!.textContent!);

// say returns a text with its placeholders, such as {merchant}, filled in.
export function say(key: string, values: Record<string, string | number> = {}): string {
  return texts[key]!.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name]));
}

// sayRefused returns what a person is told of a refusal: its code decides, the API's own words are for
// developers.
export function sayRefused(code: string): string {
  return texts['refused.' + code] ?? say('refused.other');
}
