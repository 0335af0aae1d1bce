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
  /** How often the zones are read again, in milliseconds: the backstop for lost change notices. */
  readonly freshFor: number;
  /** For how long they are believed while the store is away, in milliseconds since they were read. */
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
  /** When the read that brought them was sent: monotonic milliseconds. */
  #readAt = Number.NEGATIVE_INFINITY;
  /** A change was announced, or may have been missed, since the zones were read. */
  #doubtful = true;
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
    const age = this.#clock.monotonic() - this.#readAt;
    if (this.#zones !== null && !this.#doubtful && age <= this.#options.freshFor) {
      if (age > this.#options.freshFor / 2) this.#refresh();
      return this.#zones;
    }
    if (!this.#breaker.allows()) return this.#withoutStore();
    return this.#read().catch((error: unknown) => {
      if (error instanceof StoreAway) return this.#withoutStore();
      throw error;
    });
  }

  changed(change: Change): void {
    if (change.of === 'zones' || change.of === 'everything') this.#doubtful = true;
  }

  /** Changes may have been missed. */
  gap(): void {
    this.#doubtful = true;
  }

  #withoutStore(): CompiledZones | null {
    return this.#clock.monotonic() - this.#readAt <= this.#options.staleFor ? this.#zones : null;
  }

  #refresh(): void {
    if (this.#reading !== null || !this.#breaker.allows()) return;
    this.#read().catch((error: unknown) => {
      // What is held still stands until it is too old; the breaker knows of the store.
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
        this.#doubtful = false;
        const sentAt = this.#clock.monotonic();
        const zones = await this.#source.zones();
        this.#breaker.succeeded();
        // A change announced while the read was under way sends it again.
        if (this.#doubtful) continue;
        this.#zones = this.#compile(zones);
        this.#readAt = sentAt;
        return this.#zones;
      }
    } catch (error) {
      this.#doubtful = true;
      if (error instanceof StoreAway) this.#breaker.failed(error.message);
      throw error;
    }
  }
}
