import { type Blocklist, compileBlocklist } from '../../domain/blocklist.ts';
import { type Change, StoreAway, type TokenSource } from '../../domain/store.ts';
import type { Zone } from '../../domain/zone.ts';
import { compileZone, type ZoneMatcher } from '../../domain/zone-match.ts';
import type { Breaker } from '../../kernel/breaker.ts';
import type { Clock } from '../../kernel/clock.ts';

/** All zones, compiled; a new object for every version, so that what was compiled against it knows its age. */
export interface CompiledZones {
  /** By the zone's id. */
  readonly matchers: ReadonlyMap<string, ZoneMatcher>;
  /** Null when no address is on a blocklist. */
  readonly blocklist: Blocklist | null;
}

export interface ZoneDirectoryOptions {
  /** How old the zones may be, in milliseconds since they were read or vouched for: the backstop for lost change notices. */
  readonly freshFor: number;
  /** For how long they are believed while the store is away, in milliseconds since they were read or vouched for. */
  readonly staleFor: number;
}

/** Told, each time the zones are read, of each one that cannot be judged, in one line for the log. */
export type OnZoneTrouble = (trouble: string) => void;

/** Holds every zone compiled, reads them again when they change, and stops believing them when they may have. */
export class ZoneDirectory {
  readonly #source: TokenSource;
  readonly #clock: Clock;
  readonly #breaker: Breaker;
  readonly #options: ZoneDirectoryOptions;
  readonly #onTrouble: OnZoneTrouble;
  #zones: CompiledZones | null = null;
  /** When the read that brought them was sent, or up to when they were vouched for: monotonic milliseconds. */
  #rightAt = Number.NEGATIVE_INFINITY;
  /** How often a change was announced, or may have been missed. */
  #doubts = 0;
  /** How many of them there were when the zones that are held were read; null when none are. */
  #doubtsThen: number | null = null;
  /** How many of them there were with the last change that was announced. */
  #doubtsChanged = 0;
  #reading: Promise<CompiledZones> | null = null;

  constructor(
    source: TokenSource,
    clock: Clock,
    breaker: Breaker,
    options: ZoneDirectoryOptions,
    onTrouble: OnZoneTrouble = () => {},
  ) {
    this.#source = source;
    this.#clock = clock;
    this.#breaker = breaker;
    this.#options = options;
    this.#onTrouble = onTrouble;
  }

  /** The zones as they are to be believed now; null when the store is away and what is held is too old. */
  current(): CompiledZones | null | Promise<CompiledZones | null> {
    const age = this.#clock.monotonic() - this.#rightAt;
    if (this.#zones !== null && this.#doubtsThen === this.#doubts && age <= this.#options.freshFor) {
      if (age > this.#options.freshFor / 2) this.#refresh();
      return this.#zones;
    }
    if (!this.#breaker.allows()) return this.#withoutStore();
    return this.#read().catch((error: unknown) => {
      if (error instanceof StoreAway) return this.#withoutStore();
      throw error;
    });
  }

  /** Takes in what was written elsewhere. Zones that have changed are read at once, while the store is there. */
  changed(change: Change): void {
    if (change.of === 'everything') this.gap();
    if (change.of !== 'zones') return;
    this.#doubts += 1;
    this.#doubtsChanged = this.#doubts;
    if (this.#zones !== null) this.#refresh();
  }

  /** Changes may have been missed. */
  gap(): void {
    this.#doubts += 1;
  }

  /** All changes until `askedAt` (monotonic milliseconds) have been told. */
  vouched(askedAt: number): void {
    if (this.#doubtsThen === this.#doubts) this.#rightAt = Math.max(this.#rightAt, askedAt);
  }

  /** What is held still stands until it is too old, unless it is known to be another by now. */
  #withoutStore(): CompiledZones | null {
    if (this.#doubtsThen === null || this.#doubtsThen < this.#doubtsChanged) return null;
    return this.#clock.monotonic() - this.#rightAt <= this.#options.staleFor ? this.#zones : null;
  }

  #refresh(): void {
    if (this.#reading !== null || !this.#breaker.allows()) return;
    this.#read().catch((error: unknown) => {
      // The breaker knows of the store, and the next request is told.
      if (!(error instanceof StoreAway)) throw error;
    });
  }

  #read(): Promise<CompiledZones> {
    this.#reading ??= this.#load().finally(() => {
      this.#reading = null;
    });
    return this.#reading;
  }

  #compile(zones: readonly Zone[]): CompiledZones {
    const matchers = zones.map(compileZone);
    const blocklist = compileBlocklist(zones);
    for (const { trouble } of matchers) if (trouble !== null) this.#onTrouble(trouble);
    for (const trouble of blocklist?.troubles ?? []) this.#onTrouble(trouble);
    return { matchers: new Map(matchers.map((matcher) => [matcher.id, matcher])), blocklist };
  }

  async #load(): Promise<CompiledZones> {
    try {
      for (;;) {
        const doubts = this.#doubts;
        const sentAt = this.#clock.monotonic();
        const zones = await this.#source.zones();
        this.#breaker.succeeded();
        // A change announced while the read was under way sends it again.
        if (this.#doubts !== doubts) continue;
        this.#zones = this.#compile(zones);
        this.#doubtsThen = doubts;
        this.#rightAt = Math.max(this.#rightAt, sentAt);
        return this.#zones;
      }
    } catch (error) {
      if (error instanceof StoreAway) this.#breaker.failed(error.message);
      throw error;
    }
  }
}
