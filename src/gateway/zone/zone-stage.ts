import type { AddressChain } from '../../domain/address-chain.ts';
import { compileNetwork } from '../../domain/network-match.ts';
import type { RejectionCode } from '../../domain/rejection.ts';
import type { Credential } from '../../domain/token.ts';
import type { ZoneDirectory, ZoneMatchers } from './zone-directory.ts';

type Admits = ReturnType<typeof compileNetwork>;

/** A token's network condition, compiled against one version of the zones. */
interface Compiled {
  readonly matchers: ZoneMatchers;
  readonly admits: Admits;
}

/** The zone stage: may this token be used from where the request comes? */
export class ZoneStage {
  readonly #directory: ZoneDirectory;
  /** Lives as long as the credential it was compiled for. */
  readonly #compiled = new WeakMap<Credential, Compiled>();

  constructor(directory: ZoneDirectory) {
    this.#directory = directory;
  }

  /** Null when the token may be used from there, else why not. Answers at once when the zones are in memory. */
  check(credential: Credential, chain: AddressChain): RejectionCode | null | Promise<RejectionCode | null> {
    if (credential.token.network.connection === 'ANYWHERE') return null;
    const matchers = this.#directory.current();
    if (matchers instanceof Promise) return matchers.then((late) => this.#judge(credential, chain, late));
    return this.#judge(credential, chain, matchers);
  }

  #judge(credential: Credential, chain: AddressChain, matchers: ZoneMatchers | null): RejectionCode | null {
    if (matchers === null) return 'zone.store-away';
    const verdict = this.#compile(credential, matchers)(chain);
    return verdict === 'allowed' ? null : `zone.${verdict}`;
  }

  #compile(credential: Credential, matchers: ZoneMatchers): Admits {
    const held = this.#compiled.get(credential);
    if (held !== undefined && held.matchers === matchers) return held.admits;
    const admits = compileNetwork(credential.token.network, matchers);
    this.#compiled.set(credential, { matchers, admits });
    return admits;
  }
}
