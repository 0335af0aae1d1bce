import type { Turn } from './measure.ts';
import type { Measured, Plan } from './run.ts';

/** Figures of one round, or the medians of all: milliseconds, and microseconds of processor time a request. */
export interface Figures {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cpuMicroseconds: number;
}

/** Microseconds of processor time a request. */
export interface Price {
  readonly median: number;
  /** The least and the greatest of the rounds' own medians: how far the price is to be believed. */
  readonly least: number;
  readonly greatest: number;
}

/** A row of the table: plain data, as it is written to the file. */
export interface Row {
  readonly name: string;
  readonly does: string;
  readonly addsTo: string | null;
  /** Why it was not measured; null when it was. */
  readonly skipped: string | null;
  /** The median of each figure by itself over the rounds; null without any. */
  readonly median: Figures | null;
  /** What the row costs more than the one it adds to; null where there is no such row. */
  readonly price: Price | null;
  /** The medians of each round's turns. */
  readonly rounds: readonly Figures[];
  /** All turns as they were measured, round by round. */
  readonly turns: readonly (readonly Turn[])[];
}

export interface Report {
  readonly takenAt: string;
  readonly machine: string;
  readonly effort: string;
  readonly rows: readonly Row[];
}

/** @param machine the line of `describeMachine` */
export function makeReport(measured: readonly Measured[], plan: Plan, machine: string): Report {
  const { rounds, turns, turn, warmUp, connections } = plan;
  const length = (extent: Plan['turn']) =>
    'seconds' in extent ? `${extent.seconds} s` : `${extent.requests} requests`;
  return {
    takenAt: new Date().toISOString(),
    machine,
    effort: `Connections: ${connections}; rounds: ${rounds}; turns of each row in a round: ${turns}, each ${length(turn)}; warm-up: ${length(warmUp)}`,
    rows: measured.map((each) => makeRow(each, measured)),
  };
}

function makeRow({ variant, rounds: turns, skipped }: Measured, all: readonly Measured[]): Row {
  const { name, does, addsTo } = variant;
  const base = all.find((other) => other.variant.name === addsTo)?.rounds ?? [];
  const rounds = turns.map(medians);
  const median = rounds.length === 0 ? null : medians(rounds);
  return { name, does, addsTo, skipped, median, price: priceOf(turns, base), rounds, turns };
}

/** By the differences turn by turn: two turns lie close together, so what the machine does meanwhile cancels. */
function priceOf(rounds: Measured['rounds'], base: Measured['rounds']): Price | null {
  const differences = rounds.map((turns, round) =>
    turns.flatMap(({ cpuMicroseconds }, turn) => {
      const below = base[round]?.[turn];
      return below === undefined ? [] : [cpuMicroseconds - below.cpuMicroseconds];
    }),
  );
  const all = differences.flat();
  if (all.length === 0) return null;
  const ofRounds = differences.filter((round) => round.length > 0).map(median);
  return { median: median(all), least: Math.min(...ofRounds), greatest: Math.max(...ofRounds) };
}

function medians(all: readonly Figures[]): Figures {
  const of = (figure: keyof Figures) => median(all.map((figures) => figures[figure]));
  return {
    requestsPerSecond: of('requestsPerSecond'),
    p50Ms: of('p50Ms'),
    p99Ms: of('p99Ms'),
    cpuMicroseconds: of('cpuMicroseconds'),
  };
}

/** The middle value; of an even number of values the mean of the two in the middle. NaN for none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] ?? Number.NaN;
  return (lower + upper) / 2;
}
