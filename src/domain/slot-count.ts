import type { ConcurrentEndpoint } from './endpoint.ts';
import type { Slot, SlotLedger, SlotRefusal, SlotRequest, UnderWay } from './slot-ledger.ts';

/** One endpoint's requests under way. A token without one has no entry. */
interface Counts {
  all: number;
  readonly byToken: Map<string, number>;
}

/** Counts in this process alone, and so always answers at once. */
export class InProcessSlots implements SlotLedger {
  readonly #endpoints = new Map<string, Counts>();

  hold({ endpoint, tokenId, share }: SlotRequest): Slot | SlotRefusal {
    const counts = this.#countsOf(endpoint.name);
    const own = counts.byToken.get(tokenId) ?? 0;
    if (own >= share) return { scope: 'token', limit: share };
    if (counts.all >= endpoint.concurrent) return { scope: 'endpoint', limit: endpoint.concurrent };
    counts.all += 1;
    counts.byToken.set(tokenId, own + 1);
    return new CountedSlot(counts, tokenId);
  }

  holdHere(request: SlotRequest): Slot | SlotRefusal {
    return this.hold(request);
  }

  count({ name }: ConcurrentEndpoint, tokenId: string): UnderWay {
    const counts = this.#endpoints.get(name);
    return { all: counts?.all ?? 0, own: counts?.byToken.get(tokenId) ?? 0 };
  }

  async close(): Promise<void> {}

  #countsOf(name: string): Counts {
    let counts = this.#endpoints.get(name);
    if (counts === undefined) {
      counts = { all: 0, byToken: new Map() };
      this.#endpoints.set(name, counts);
    }
    return counts;
  }
}

class CountedSlot implements Slot {
  readonly #tokenId: string;
  /** Null once it was released. */
  #counts: Counts | null;

  constructor(counts: Counts, tokenId: string) {
    this.#counts = counts;
    this.#tokenId = tokenId;
  }

  release(): void {
    const counts = this.#counts;
    if (counts === null) return;
    this.#counts = null;
    counts.all -= 1;
    const own = (counts.byToken.get(this.#tokenId) ?? 1) - 1;
    if (own === 0) counts.byToken.delete(this.#tokenId);
    else counts.byToken.set(this.#tokenId, own);
  }
}
