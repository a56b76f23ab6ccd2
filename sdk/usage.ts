/// <reference path="./cards-session.d.ts" />

// How a page uses cards-session.js. It never runs: `npm run check` compiles it, so that the shipped
// types keep fitting the calls that merchants make, and keep refusing the mistakes below.

Xendit.setPublishableKey("xnd_public_development_sandbox");

Xendit.payment.prepare({ payment_session_id: "ps-6746c1006b7752b4d91725af" });

Xendit.payment.collectCardData({ cvn: "123", payment_session_id: "ps-6746c1006b7752b4d91725af" }, (error, response) => {
  if (error) {
    const seconds: number | undefined = error.retry_after;
    const fields: string[] = (error.errors || []).map((fault) => `${fault.path}: ${fault.message}`);
    return show(error.message, fields, seconds);
  }
  if (response && response.action_url) {
    location.assign(response.action_url);
  }
});

async function pay(payment_session_id: string, cvn: string): Promise<string | undefined> {
  const response = await Xendit.payment.collectCardData({ cvn, payment_session_id });
  return response.payment_request_id;
}

Xendit.payment.collectCardData({
  payment_session_id: "ps-6746c1006b7752b4d91725af",
  card_number: "4000000000001091",
  expiry_month: "12",
  expiry_year: "2029",
  cvn: null,
  cardholder_first_name: "Jaap",
  cardholder_last_name: "Stam",
  confirm_save: true,
  billing_information: {
    first_name: "Jaap",
    last_name: "Stam",
    email: "test@yourdomain.com",
    street_line1: "Jalan Sudirman 1",
    city: "Jakarta",
    province_state: "DKI Jakarta",
    country: "ID",
    postal_code: "10220",
  },
});

// @ts-expect-error a CVN is text: 012 is not 12
Xendit.payment.collectCardData({ cvn: 123, payment_session_id: "ps-6746c1006b7752b4d91725af" });

// @ts-expect-error the session is required
Xendit.payment.collectCardData({ cvn: "123" });

// @ts-expect-error a new card needs its expiry
Xendit.payment.collectCardData({ card_number: "4000000000001091", payment_session_id: "ps-6746c1006b7752b4d91725af" });

declare function show(message: string, fields: string[], retryAfter?: number): void;
export { pay };
