/**
 * Types of cards-session.js, the browser library of the payer's page.
 *
 * ```html
 * <script src="https://gateway.example/cards-session.min.js"></script>
 * ```
 */
declare namespace Xendit {
  /**
   * Sets the key that identifies the merchant. Only a public key (`xnd_public_…`) belongs in a
   * page; a secret key is refused with an exception.
   */
  function setPublishableKey(key: string): void;

  namespace payment {
    /**
     * Gets ready to pay a session with its stored card: lets the payer's bank look at the browser, in a
     * hidden frame, while the payer types. Call it as soon as the page knows the session, and after
     * {@link setPublishableKey}. `collectCardData` does it by itself where it was not done, and then takes
     * a moment longer.
     *
     * A page with a Content-Security-Policy has to admit the gateway's origin in `script-src`,
     * `connect-src` and `frame-src`, and no bank. Where the frame is not admitted, the bank may ask more payers
     * to confirm.
     *
     * @returns when that is done, or cannot be done; it never rejects, and may be ignored
     */
    function prepare(data: PrepareData): Promise<void>;

    /**
     * Sends the CVN of a stored card, or a new card, to the session it is meant for.
     *
     * While a call for the same `payment_session_id` is in flight, its promise is returned again
     * and nothing is sent, so that two clicks make one payment.
     *
     * The answer is not the outcome of the payment: send the payer to `action_url` when there is
     * one, and wait for the webhook.
     *
     * @param data what the payer typed, and the session
     * @param callback called once, after the promise has settled; with a callback the promise may be ignored
     * @returns the answer; rejects with a {@link CollectError}, never with anything else that depends on the payer
     */
    function collectCardData(data: CollectData, callback?: CollectCallback): Promise<CollectResponse>;
  }

  interface PrepareData {
    /** `ps-…`, from your server's `POST /sessions`. */
    payment_session_id: string;
  }

  type CollectData = StoredCardData | NewCardData;

  /** For a session that names a stored card in `cards_session_js.card_payment_token_id`. */
  interface StoredCardData {
    /** `ps-…`, from your server's `POST /sessions`. */
    payment_session_id: string;
    /** Three digits, or four on American Express. */
    cvn: string;
    card_number?: null;
  }

  /** For a session without a stored card: one that saves a card, or is paid with a new one. */
  interface NewCardData {
    payment_session_id: string;
    /** Digits only: spaces and dashes are refused. */
    card_number: string;
    /** `MM` */
    expiry_month: string;
    /** `YYYY` */
    expiry_year: string;
    /** Three digits, or four on American Express. */
    cvn?: string | null;
    cardholder_first_name?: string | null;
    cardholder_last_name?: string | null;
    cardholder_email?: string | null;
    /** E.164, for example `+6212345678`. */
    cardholder_phone_number?: string | null;
    /** For sessions with `allow_save_payment_method: "OPTIONAL"`: the payer ticked the box. */
    confirm_save?: boolean | null;
    billing_information?: BillingInformation | null;
  }

  interface BillingInformation {
    first_name: string;
    last_name: string;
    email: string;
    phone_number?: string | null;
    street_line1: string;
    street_line2?: string | null;
    city: string;
    province_state: string;
    /** Two letters, ISO 3166-1. */
    country: string;
    postal_code: string;
  }

  interface CollectResponse {
    message: string;
    /** `pr-…`, on sessions that pay. Keep it: the webhook names it. */
    payment_request_id?: string;
    /** `pt-…`, on sessions that save the card. */
    payment_token_id?: string;
    /** Where to send the payer. Absent when the bank asks nothing: the webhook says how it went. */
    action_url?: string;
  }

  interface CollectError {
    /**
     * The API's code, for example `API_VALIDATION_ERROR`. Also `SERVICE_UNAVAILABLE` when the
     * gateway could not be reached, and `SERVER_ERROR` when its answer could not be read.
     */
    error_code: string;
    /** For the developer, in English. Never contains what the payer typed. */
    message: string;
    /** The fields at fault, for example `/body/cvn` or `/body/card_number`. */
    errors?: FieldError[];
    /** HTTP status; absent when the call was not made or not answered. */
    status?: number;
    /** Seconds to wait before another try, when the gateway said so. */
    retry_after?: number;
  }

  interface FieldError {
    path: string;
    message: string;
  }

  type CollectCallback = (error: CollectError | null, response?: CollectResponse) => void;
}
