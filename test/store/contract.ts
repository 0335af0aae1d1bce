/** What every store promises, whatever it is made of. */
import { describe } from 'vitest';
import { changesContract } from './contract-changes.ts';
import { commitContract } from './contract-commit.ts';
import { ledgerContract } from './contract-ledger.ts';
import { recordsContract } from './contract-records.ts';
import { usageContract } from './contract-usage.ts';
import type { Site } from './site.ts';

/** @param openSite makes empty data of its own for one test */
export function storeContract(name: string, openSite: () => Promise<Site>): void {
  describe(name, () => {
    recordsContract(openSite);
    commitContract(openSite);
    changesContract(openSite);
    usageContract(openSite);
    ledgerContract(openSite);
  });
}
