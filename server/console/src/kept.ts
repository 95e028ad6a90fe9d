// What this browser remembers between visits. A browser that forbids it just forgets.

const PREFIX = 'citytwin.';

export const kept = {
  get(key: string): string | null {
    try {
      return localStorage.getItem(PREFIX + key);
    } catch {
      return null;
    }
  },
  set(key: string, value: string) {
    try {
      localStorage.setItem(PREFIX + key, value);
    } catch {
      // Private windows may refuse; nothing depends on it.
    }
  },
};
