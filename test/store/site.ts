import type { LimitedEndpoint } from '../../src/domain/endpoint.ts';
import type { Store } from '../../src/domain/store.ts';

/** One store's data, empty at first, and what a test may do to it from outside. */
export interface Site {
  /** Opens a store on the data. `close` closes it. */
  open(): Promise<Store>;
  /** Lets every store notice now what another has written. */
  notice(): void;
  /** Lets a second pass, in which every store looks whether it can vouch for what was read. */
  second(): void;
  /** The time by which windows are counted here: milliseconds since the epoch. */
  now(): Promise<number>;
  /** Lets the endpoint's running window end, if there is one. */
  endWindow(endpoint: LimitedEndpoint): Promise<void>;
  /** Everything that is kept, as one text. */
  content(): Promise<string>;
  close(): Promise<void>;
}
