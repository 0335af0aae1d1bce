import { describe } from 'vitest';
import type { StartTransport } from './bed.ts';
import { addressTable } from './tables/address.ts';
import { chunksTable } from './tables/chunks.ts';
import { connectionTable } from './tables/connection.ts';
import { framingTable } from './tables/framing.ts';
import { identityTable } from './tables/identity.ts';
import { targetTable } from './tables/target.ts';
import { upstreamTable } from './tables/upstream.ts';

/** Attacks on how clients are read, for sockets that are not plain ones. */
export function clientTables(start: StartTransport): void {
  describe('against ambiguous heads', () => framingTable(start));
  describe('against broken bodies', () => chunksTable(start));
  describe('against requests that share a connection', () => connectionTable(start));
  describe('against false identities', () => identityTable(start));
  describe('against false targets', () => targetTable(start));
  describe('against false addresses', () => addressTable(start));
}

/** Every attack on a transport. Each table stands on a bed of its own: gate, store, upstream and the transport under test. */
export function hostileTables(start: StartTransport): void {
  describe('against ambiguous heads', () => framingTable(start));
  describe('against broken bodies', () => chunksTable(start));
  describe('against requests that share a connection', () => connectionTable(start));
  describe('against answers that are none', () => upstreamTable(start));
  describe('against false identities', () => identityTable(start));
  describe('against false targets', () => targetTable(start));
  describe('against false addresses', () => addressTable(start));
}
