// What the gateway tells the page to do next (checkout/step.go).
export interface Form { url: string; fields: Record<string, string>; }
export interface Step {
  do: 'open' | 'authenticate' | 'wait' | 'challenge' | 'confirm' | 'complete' | 'retype' | 'pending' | 'done';
  method?: Form;
  challenge?: Form;
  round?: number;
  outcome?: 'succeeded' | 'failed' | 'canceled';
  return_url?: string;
  notice?: string;
  confirmed?: boolean;
  step_up?: boolean;
}

// Refused is an answer of the API that is not what was asked for. fields are the paths of the fields at fault.
export class Refused extends Error {
  constructor(readonly status: number, readonly code: string, message: string, readonly retryAfter: number, readonly fields: string[]) { super(message); }
}

// call asks the gateway about this attempt. Without a body it only looks.
export async function call<T = Step>(path: string, body?: object): Promise<T> {
  const response = await fetch(path, {
    method: body ? 'POST' : 'GET',
    headers: body ? { 'content-type': 'application/json' } : {},
    body: body ? JSON.stringify(body) : null,
    credentials: 'omit', cache: 'no-store', referrerPolicy: 'no-referrer',
  });
  const answer = await response.json();
  if (!response.ok) {
    throw new Refused(response.status, String(answer.error_code), String(answer.message), Number(response.headers.get('retry-after')) || 0,
      ((answer.errors ?? []) as { path: string }[]).map((fault) => fault.path));
  }
  return answer as T;
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
