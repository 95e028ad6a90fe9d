// Short sentences that come and go: what failed, what was done. Nothing fails in silence.

export interface Notice {
  id: number;
  kind: 'good' | 'bad' | 'alarm';
  text: string;
}

const STAY_MS = { good: 4000, bad: 12_000, alarm: 9000 };
const MOST = 4;

class Notices {
  list = $state<Notice[]>([]);
  #next = 1;

  tell(kind: Notice['kind'], text: string) {
    // The same failure twenty times (one per tile) is one notice.
    if (this.list.some((notice) => notice.text === text)) return;
    const id = this.#next++;
    this.list = [...this.list, { id, kind, text }].slice(-MOST);
    setTimeout(() => this.dismiss(id), STAY_MS[kind]);
  }

  dismiss(id: number) {
    this.list = this.list.filter((notice) => notice.id !== id);
  }
}

export const notices = new Notices();
