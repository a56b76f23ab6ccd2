/// <reference path="./cards-session.d.ts" />

/**
 * What is plainly wrong with the data, before anything is sent: the checks of the mobile libraries
 * and no more. The gateway alone judges the card (Luhn, brand, three or four digits, expiry: the
 * payer's clock may be wrong). Paths are those of the API; no message contains a value.
 */
export function faults(data: Xendit.CollectData): Xendit.FieldError[] {
  const found: Xendit.FieldError[] = [];
  const fields: { readonly [name: string]: unknown } = { ...data };
  const given = (name: string) => fields[name] !== undefined && fields[name] !== null;
  const must = (name: string, shape: RegExp, message: string) => {
    const value = fields[name];
    if (typeof value !== "string" || !shape.test(value)) {
      found.push({ path: `/body/${name}`, message: `${name} ${message}` });
    }
  };

  must("payment_session_id", /\S/, "is required");
  if (given("card_number")) {
    must("card_number", /\S/, "is required");
    must("expiry_month", /^(0?[1-9]|1[0-2])$/, "must be a month from 01 to 12");
    must("expiry_year", /^(202[4-9]|20[3-9]\d|2[1-9]\d\d)$/, "must be a year of four digits that is not past");
  }
  if (given("cvn") || !given("card_number")) {
    must("cvn", /^\d{3,4}$/, "must be 3 or 4 digits");
  }
  return found;
}
