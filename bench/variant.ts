/** What a variant finds around it. */
export interface Setting {
  /** Origin of the upstream. */
  readonly upstream: string;
  /** The secret that the load sends. */
  readonly secret: string;
  /** A folder of its own, removed afterwards. */
  readonly folder: string;
  /** URL of a redis-server that holds nothing yet; null when no variant needs one. */
  readonly redis: string | null;
}

/** A file under variants/: starts a server that answers as the upstream does. @returns its origin */
export interface VariantModule {
  start(setting: Setting): Promise<string>;
}

/** A row of the table. */
export interface Variant {
  /** Unique; what `--only` takes. */
  readonly name: string;
  /** What it does with a request, for people. */
  readonly does: string;
  /** False where the answer is made without an upstream. */
  readonly forwards: boolean;
  readonly needsRedis: boolean;
  /** The row to which this one adds one thing, whose price is the difference; null for a row on its own. */
  readonly addsTo: string | null;
  load(): Promise<VariantModule>;
}
