/** What every store promises, whatever it is made of. */
import { describe } from 'vitest';
import { changesContract } from './contract-changes.ts';
import { commitContract } from './contract-commit.ts';
import { conditionsContract } from './contract-conditions.ts';
import { countsContract } from './contract-counts.ts';
import { eventsContract } from './contract-events.ts';
import { ledgerContract } from './contract-ledger.ts';
import { recordsContract } from './contract-records.ts';
import { sharesContract } from './contract-shares.ts';
import { slotsContract } from './contract-slots.ts';
import { usageContract } from './contract-usage.ts';
import { vouchingContract } from './contract-vouching.ts';
import type { Site } from './site.ts';

/**
 * Every operation of every store, without the changes and the conditions.
 * @param openSite as below
 */
export function operationsContract(name: string, openSite: () => Promise<Site>): void {
  describe(name, () => {
    recordsContract(openSite);
    sharesContract(openSite);
    commitContract(openSite);
    eventsContract(openSite);
    usageContract(openSite);
    countsContract(openSite);
    ledgerContract(openSite);
    slotsContract(openSite);
  });
}

/** @param openSite makes empty data of its own for one test */
export function storeContract(name: string, openSite: () => Promise<Site>): void {
  describe(name, () => {
    recordsContract(openSite);
    sharesContract(openSite);
    commitContract(openSite);
    conditionsContract(openSite);
    eventsContract(openSite);
    changesContract(openSite);
    vouchingContract(openSite);
    usageContract(openSite);
    countsContract(openSite);
    ledgerContract(openSite);
    slotsContract(openSite);
  });
}
