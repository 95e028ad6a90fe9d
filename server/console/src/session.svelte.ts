// May this browser write? Without sign-in the server lets anybody here read, and nobody write.

import { ask, givenUp, knock, Refusal } from './api';

interface SessionJson {
  signed_in: boolean;
}

class Session {
  /** `null` until the server has said. */
  signedIn = $state<boolean | null>(null);
  /** The sign-in box is open. */
  asking = $state(false);

  async look() {
    try {
      this.signedIn = (await ask<SessionJson>('/session')).signed_in;
    } catch (cause) {
      if (!givenUp(cause)) this.signedIn = false;
    }
  }

  /** True when the key was right. Other failures are thrown. */
  async signIn(key: string): Promise<boolean> {
    try {
      await knock('/session', { method: 'POST', body: { key } });
      this.signedIn = true;
      return true;
    } catch (cause) {
      if (cause instanceof Refusal && (cause.status === 401 || cause.status === 403)) return false;
      throw cause;
    }
  }

  async signOut() {
    await knock('/session', { method: 'DELETE' });
    this.signedIn = false;
  }
}

export const session = new Session();
