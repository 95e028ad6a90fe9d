// Putting values into a sentence.

export type Values = Record<string, string | number>;

/** `{count}` is the value, `{count:alarm|alarms}` the first word when the value is one, else the second. */
const BRACES = /\{(\w+)(?::([^|{}]*)\|([^|{}]*))?\}/g;

export function fill(sentence: string, values: Values = {}): string {
  return sentence.replace(BRACES, (whole, name: string, one?: string, many?: string) => {
    if (!(name in values)) return whole;
    const value = String(values[name]);
    return one === undefined || many === undefined ? value : value === '1' ? one : many;
  });
}

/** The values that a sentence needs. */
export function placeholders(sentence: string): string[] {
  return [...new Set([...sentence.matchAll(BRACES)].map((match) => match[1]!))].sort();
}
