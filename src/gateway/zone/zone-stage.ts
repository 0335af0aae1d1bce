import type { AddressChain } from '../../domain/address-chain.ts';
import { compileNetwork } from '../../domain/network-match.ts';
import type { RejectionCode } from '../../domain/rejection.ts';
import type { Credential } from '../../domain/token.ts';
import type { CompiledZones, ZoneDirectory } from './zone-directory.ts';

type Admits = ReturnType<typeof compileNetwork>;

/** A token's network condition, compiled against one version of the zones. */
interface Compiled {
  readonly zones: CompiledZones;
  readonly admits: Admits;
}

/** The zone stage: is the caller kept out by a blocklist, and may this token be used from where the request comes? */
export class ZoneStage {
  readonly #directory: ZoneDirectory;
  /** Lives as long as the credential it was compiled for. */
  readonly #compiled = new WeakMap<Credential, Compiled>();

  constructor(directory: ZoneDirectory) {
    this.#directory = directory;
  }

  /** The zones as they are to be believed now; null when the store is away and what is known of them is too old. */
  current(): CompiledZones | null | Promise<CompiledZones | null> {
    return this.#directory.current();
  }

  /** Null when the token may be used from there, else why not. Answers at once when the zones are in memory. */
  check(credential: Credential, chain: AddressChain): RejectionCode | null | Promise<RejectionCode | null> {
    if (credential.token.network.connection === 'ANYWHERE') return null;
    const zones = this.#directory.current();
    if (zones instanceof Promise) return zones.then((late) => this.#judge(credential, chain, late));
    return this.#judge(credential, chain, zones);
  }

  #judge(credential: Credential, chain: AddressChain, zones: CompiledZones | null): RejectionCode | null {
    if (zones === null) return 'zone.store-away';
    const verdict = this.#compile(credential, zones)(chain);
    return verdict === 'allowed' ? null : `zone.${verdict}`;
  }

  #compile(credential: Credential, zones: CompiledZones): Admits {
    const held = this.#compiled.get(credential);
    if (held !== undefined && held.zones === zones) return held.admits;
    const admits = compileNetwork(credential.token.network, zones.matchers);
    this.#compiled.set(credential, { zones, admits });
    return admits;
  }
}
