import {
  SLOT_LEASE_MS,
  type SlotGrant,
  type SlotStatement,
  slotsGranted,
} from '../../src/domain/slot-lease.ts';
import type { UnderWay } from '../../src/domain/slot-ledger.ts';

interface Holding {
  readonly lapsesAt: number;
  readonly sequence: number;
  readonly slots: ReadonlyMap<string, number>;
}

/** What the real source does with statements, as a model: a test holds the two to the same answers. */
export class SimulatedSlots {
  readonly #endpoints = new Map<string, Map<string, Holding>>();

  /** @param now milliseconds by the source's clock */
  state({ endpoint, max, gateway, sequence, claims }: SlotStatement, now: number): SlotGrant | null {
    const holdings = this.#endpoints.get(endpoint) ?? new Map<string, Holding>();
    this.#endpoints.set(endpoint, holdings);
    if ((holdings.get(gateway)?.sequence ?? 0) >= sequence) return null;
    holdings.delete(gateway);
    const kept = claims.map(({ tokenId, keep }): [string, number] => [tokenId, keep]);
    const own = new Map(kept);
    let all = kept.reduce((sum, [, keep]) => sum + keep, 0);
    for (const [other, { lapsesAt, slots }] of holdings) {
      if (lapsesAt <= now) holdings.delete(other);
      else {
        for (const [tokenId, size] of slots) {
          own.set(tokenId, (own.get(tokenId) ?? 0) + size);
          all += size;
        }
      }
    }
    const slots = new Map<string, number>();
    for (const claim of claims) {
      const before = own.get(claim.tokenId) ?? 0;
      const granted = slotsGranted(claim, max, all, before);
      all += granted;
      own.set(claim.tokenId, before + granted);
      if (claim.keep + granted > 0) slots.set(claim.tokenId, claim.keep + granted);
    }
    if (slots.size > 0) holdings.set(gateway, { lapsesAt: now + SLOT_LEASE_MS, sequence, slots });
    const granted = claims.map(({ tokenId }) => ({
      size: slots.get(tokenId) ?? 0,
      own: own.get(tokenId) ?? 0,
    }));
    return { all, claims: granted };
  }

  count(endpoint: string, tokenId: string, now: number): UnderWay {
    let all = 0;
    let own = 0;
    const holdings = this.#endpoints.get(endpoint) ?? new Map<string, Holding>();
    for (const [gateway, { lapsesAt, slots }] of holdings) {
      // What has lapsed is forgotten by whoever looks, with the number of its statement.
      if (lapsesAt <= now) {
        holdings.delete(gateway);
        continue;
      }
      for (const size of slots.values()) all += size;
      own += slots.get(tokenId) ?? 0;
    }
    return { all, own };
  }

  /** Lets the lease of a gateway run out. */
  lapse(endpoint: string, gateway: string): void {
    const holding = this.#endpoints.get(endpoint)?.get(gateway);
    if (holding === undefined) return;
    this.#endpoints.get(endpoint)?.set(gateway, { ...holding, lapsesAt: Number.NEGATIVE_INFINITY });
  }

  /** Forgets everything, as a server does that was restarted without its file. */
  lose(): void {
    this.#endpoints.clear();
  }
}
