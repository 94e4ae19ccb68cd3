// A few lines instead of a template engine: every interpolated value is escaped unless it is itself `html`.

export class Html {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
const escapeText = (value: string) => value.replace(/[&<>"']/g, (c) => entities[c] ?? c);

type Part = Html | string | number | bigint | undefined | false | null | Part[];
const render = (part: Part): string => {
  if (part instanceof Html) return part.text;
  if (Array.isArray(part)) return part.map(render).join('');
  return part === undefined || part === false || part === null ? '' : escapeText(String(part));
};

export const html = (strings: TemplateStringsArray, ...parts: Part[]) =>
  new Html(strings.map((s, i) => s + (i < parts.length ? render(parts[i]) : '')).join(''));
