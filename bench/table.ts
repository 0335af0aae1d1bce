import type { Figures, Price, Report, Row } from './report.ts';

/** The report for people: Markdown that reads well in a terminal too. */
export function formatReport({ machine, effort, rows }: Report): string {
  const rounds = Math.max(0, ...rows.map((row) => row.rounds.length));
  const medians = table(
    ['row', 'what it does', 'CPU µs/request', 'adds µs (rounds)', 'requests/s', 'p50 ms', 'p99 ms'],
    rows.map(medianCells),
  );
  const raw = table(
    ['CPU µs/request (requests/s)', ...Array.from({ length: rounds }, (_, at) => `round ${at + 1}`)],
    rows.map((row) => [row.name, ...row.rounds.map(rawCell)]),
  );
  return `${machine}\n${effort}\n\n${medians}\n\n${raw}\n`;
}

function medianCells({ name, does, skipped, median, price }: Row): string[] {
  if (median === null) return [name, `${does} – not measured: ${skipped}`];
  return [
    name,
    does,
    median.cpuMicroseconds.toFixed(1),
    price === null ? '' : formatPrice(price),
    median.requestsPerSecond.toFixed(0),
    median.p50Ms.toFixed(2),
    median.p99Ms.toFixed(2),
  ];
}

function formatPrice({ median, least, greatest }: Price): string {
  return `${signed(median)} (${signed(least)} to ${signed(greatest)})`;
}

function signed(microseconds: number): string {
  return `${microseconds < 0 ? '−' : '+'}${Math.abs(microseconds).toFixed(1)}`;
}

function rawCell({ cpuMicroseconds, requestsPerSecond }: Figures): string {
  return `${cpuMicroseconds.toFixed(1)} (${requestsPerSecond.toFixed(0)})`;
}

/** A Markdown table with aligned columns; the first two are text, the others figures. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const isText = (column: number) => column === 0 || head[column] === 'what it does';
  const line = (cells: readonly string[]) => {
    const padded = widths.map((width, column) => {
      const cell = cells[column] ?? '';
      return isText(column) ? cell.padEnd(width) : cell.padStart(width);
    });
    return `| ${padded.join(' | ')} |`;
  };
  const rule = widths.map((width, column) =>
    isText(column) ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`,
  );
  return [line(head), line(rule), ...rows.map(line)].join('\n');
}
