import type { AddressChain } from '../domain/address-chain.ts';

/**
 * What was found in the texts of one header block, kept with the block: a client that repeats it to the letter is not
 * read anew. Only what follows from the text and the configuration is kept here, never what a store said and never a
 * decision: every rule is asked again for each request. Null until it was found.
 */
export class Findings {
  /** The index of the secret (see `secretIndex` in domain/secret.ts), once its form was found good. */
  secretIndex: string | null = null;
  chain: AddressChain | null = null;
}
