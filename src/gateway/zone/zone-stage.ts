import type { AddressChain } from '../../domain/address-chain.ts';
import type { NetworkCondition } from '../../domain/network-condition.ts';
import { compileNetwork } from '../../domain/network-match.ts';
import type { RejectionCode } from '../../domain/rejection.ts';
import type { Credential } from '../../domain/token.ts';
import { Memo } from '../../kernel/memo.ts';
import type { CompiledZones, ZoneDirectory } from './zone-directory.ts';

type Admits = ReturnType<typeof compileNetwork>;

/** For how many tokens that come again and again a compiled condition is kept. */
const COMPILED = 4_096;

/** A token's network condition, compiled against the version of the zones that was asked about last. */
class CompiledNetwork {
  readonly #network: NetworkCondition;
  #zones: CompiledZones | null = null;
  #admits: Admits | null = null;

  constructor(network: NetworkCondition) {
    this.#network = network;
  }

  with(zones: CompiledZones): Admits {
    if (this.#admits === null || this.#zones !== zones) {
      this.#admits = compileNetwork(this.#network, zones.matchers);
      this.#zones = zones;
    }
    return this.#admits;
  }
}

/** The zone stage: is the caller kept out by a blocklist, and may this token be used from where the request comes? */
export class ZoneStage {
  readonly #directory: ZoneDirectory;
  readonly #compiled = new Memo<Credential, CompiledNetwork>(
    COMPILED,
    ({ token }) => new CompiledNetwork(token.network),
  );

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
    const verdict = this.#compiled.of(credential, credential.token.id).with(zones)(chain);
    return verdict === 'allowed' ? null : `zone.${verdict}`;
  }
}
