import type { Credential } from '../../domain/token.ts';
import { credentialFrom } from '../records.ts';
import { listFrom, storedCredentialFrom } from './reply.ts';

/** Look-ups in one script at the most, so that it blocks Redis for a few milliseconds only. */
const AT_ONCE = 256;

/** Asks for the tokens with these hashes, and answers in their order. */
export type AskForTokens = (hashes: readonly string[]) => Promise<unknown>;

interface LookUp {
  readonly hash: string;
  readonly resolve: (credential: Credential | null) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Gathers the look-ups of one turn of the event loop and asks for them together: what a gateway that knows few tokens
 * spends on a look-up is mostly the command, not the token (docs/adr/0027-very-many-tokens.md).
 */
export class TokenLookUps {
  readonly #ask: AskForTokens;
  #gathered: LookUp[] = [];

  constructor(ask: AskForTokens) {
    this.#ask = ask;
  }

  /** The token with that hash; null when there is none. Rejects as the question does. */
  find(hash: string): Promise<Credential | null> {
    const { promise, resolve, reject } = Promise.withResolvers<Credential | null>();
    this.#gathered.push({ hash, resolve, reject });
    if (this.#gathered.length === 1) setImmediate(() => this.#send());
    return promise;
  }

  #send(): void {
    const gathered = this.#gathered;
    this.#gathered = [];
    for (let from = 0; from < gathered.length; from += AT_ONCE) {
      void this.#answer(gathered.slice(from, from + AT_ONCE));
    }
  }

  /** Never rejects. */
  async #answer(lookUps: readonly LookUp[]): Promise<void> {
    try {
      const replies = listFrom(await this.#ask(lookUps.map(({ hash }) => hash)));
      for (const [at, { resolve, reject }] of lookUps.entries()) {
        try {
          resolve(credentialOrNull(replies[at] ?? null));
        } catch (error) {
          // What is wrong with one record is wrong for who asked for it.
          reject(error);
        }
      }
    } catch (error) {
      for (const { reject } of lookUps) reject(error);
    }
  }
}

/** @param reply what a script answers for one token */
export function credentialOrNull(reply: unknown): Credential | null {
  return reply === null ? null : credentialFrom(storedCredentialFrom(reply));
}
