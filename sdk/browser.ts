/** What only a script can say of a browser, for the payer's bank (EMV 3DS, data elements browser*). */
export interface Browser {
  language: string;
  java_enabled: boolean;
  color_depth: number;
  screen_height: number;
  screen_width: number;
  time_zone: number;
}

export function describe(): Browser {
  return {
    language: navigator.language || "en",
    java_enabled: false, // no browser of today has it
    color_depth: screen.colorDepth || 24, // the gateway finds the next one of the bank's list
    screen_height: Math.round(screen.height),
    screen_width: Math.round(screen.width),
    time_zone: Math.round(new Date().getTimezoneOffset()), // minutes, positive west of UTC
  };
}
