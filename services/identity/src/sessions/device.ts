// What a session's device is called: a few words out of the User-Agent header, and the place the edge proxy names.
import type { IncomingHttpHeaders } from 'node:http';

export type Device = {
  /** "Chrome on Windows"; "unknown" where the header says nothing known. */
  readonly name: string;
  /** As the configured header of the edge names it; null without one. */
  readonly place: string | null;
  /** What the device is recognised by: an id that an app or a cookie keeps, else its name. */
  readonly key: string;
};

const first = (pairs: readonly (readonly [RegExp, string])[], text: string) =>
  pairs.find(([pattern]) => pattern.test(text))?.[1];

// Order matters: Edge and WeChat call themselves Chrome, Chrome calls itself Safari, Android calls itself Linux.
const programs = [
  [/MicroMessenger/, 'WeChat'],
  [/Edg(e|A|iOS)?\//, 'Edge'],
  [/OPR\//, 'Opera'],
  [/MiuiBrowser/, 'Mi Browser'],
  [/QQBrowser/, 'QQ Browser'],
  [/(Chrome|CriOS|Chromium)\//, 'Chrome'],
  [/(Firefox|FxiOS)\//, 'Firefox'],
  [/Safari\//, 'Safari'],
  [/okhttp|CFNetwork|Dart\//, 'App'],
  [/curl|undici|node|python|Go-http-client/i, 'Program'],
] as const;
const systems = [
  [/OpenHarmony|HarmonyOS/, 'HarmonyOS'],
  [/Android/, 'Android'],
  [/iPhone|iPod/, 'iPhone'],
  [/iPad/, 'iPad'],
  [/Windows/, 'Windows'],
  [/Mac OS X|Macintosh/, 'macOS'],
  [/CrOS/, 'ChromeOS'],
  [/Linux/, 'Linux'],
] as const;

/** A person recognises "Safari on iPhone"; versions and models would only identify them to others. */
export const summariseUserAgent = (userAgent: string): string => {
  const [program, system] = [first(programs, userAgent), first(systems, userAgent)];
  if (program === undefined) return system ?? 'unknown';
  return system === undefined ? program : `${program} on ${system}`;
};

export type DeviceRequest = {
  readonly userAgent: string;
  readonly headers: IncomingHttpHeaders;
  readonly deviceId?: string | undefined;
};

/** `placeHeader`: lower-case name of the header in which the edge proxy names country or city. It must drop the client's own. */
export const createDeviceReader =
  (placeHeader: string | undefined) =>
  ({ userAgent, headers, deviceId }: DeviceRequest): Device => {
    const given = placeHeader === undefined ? undefined : headers[placeHeader];
    const place =
      typeof given === 'string'
        ? given
            .replaceAll(/\p{Cc}/gu, '')
            .trim()
            .slice(0, 80)
        : '';
    const name = summariseUserAgent(userAgent);
    return { name, place: place === '' ? null : place, key: deviceId ?? name };
  };
