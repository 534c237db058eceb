/**
 * The gates that only warn: what looks odd in figures that are otherwise whole, recorded on the capture. Pure.
 *
 * One warning per gate, with the number of cases and the first of them: a warning says where to look, it is no report.
 */
import {
  type Capture,
  type Columns,
  Instant,
  isSameDay,
  type Partition,
  type UsageColumns,
  usageColumns,
  UsageMonth,
  type UsageRow,
  usageTableOf,
} from "@segmeter/domain";
import { figureOf, figuresAt, isMtu } from "./Figure.ts";

/** Shape of `rows`: in key order. `workspace`: the rows of the workspace's own figures of the month, if these are of sources. */
export const notice = (
  partition: Partition.Partition,
  columns: Columns,
  workspace: ReadonlyArray<UsageRow> | undefined,
): ReadonlyArray<Capture.Warning> => {
  const rows = usageColumns(usageTableOf(partition), columns);
  const { fallen, firstMissing, missing } = alongSeries(rows);
  return [
    ...counted("missing-day", "days are missing", missing, firstMissing),
    ...warning("count-fell", "cumulative counts are lower than on the day before", fallen),
    ...warning("anonymous-split", "rows have anonymous ≠ anonymousIdentified + neverIdentified", unevenSplits(rows)),
    ...warning("period", "periods are not the calendar month", oddPeriods(partition.month, rows)),
    ...warning("outside-month", "rows lie outside the usage month", outsideMonth(partition.month, rows)),
    ...(workspace === undefined ? [] : againstWorkspace(rows, workspace)),
  ];
};

const warning = (gate: string, what: string, cases: ReadonlyArray<string>): ReadonlyArray<Capture.Warning> =>
  counted(gate, what, cases.length, cases[0]);

const counted = (gate: string, what: string, count: number, first = ""): ReadonlyArray<Capture.Warning> =>
  count === 0 ? [] : [{ gate, message: `${count} ${what}, first: ${first}.` }];

const where = (rows: UsageColumns, index: number): string => onDay(rows, index, rows.day[index]!);

const onDay = ({ source }: UsageColumns, index: number, day: Instant.EpochDay): string =>
  `${source === undefined ? "" : `source ${source.texts[source.values[index]!]}, `}${Instant.formatDay(day)}`;

/**
 * What is odd from one day of a series, a source in a period, to the next. Key order puts days before sources, so that a series'
 * rows are apart, but in order. Gaps are told within a series; a workspace's begins with its period, a source may begin and end
 * at any day.
 */
const alongSeries = (
  rows: UsageColumns,
): { readonly missing: number; readonly firstMissing: string | undefined; readonly fallen: ReadonlyArray<string> } => {
  const { day, length, period, source } = rows;
  const counts = Object.values(rows.counts);
  const fallen: Array<string> = [];
  // Counted, not gathered: a service that is wrong about a year leaves gaps of centuries, in every series.
  let missing = 0;
  let firstMissing: string | undefined;
  // Of each source, the row before; −1: none yet.
  const previous = new Int32Array(source?.texts.length ?? 1);
  for (let row = 0; row < length; row++) {
    if (row === 0 || (period !== undefined && period.start[row] !== period.start[row - 1])) previous.fill(-1);
    const series = source?.values[row] ?? 0;
    const before = previous[series]!;
    previous[series] = row;
    const first = period !== undefined && source === undefined ? Instant.dayOf(period.start[row]!) : day[row]!;
    const from = before < 0 ? first : day[before]! + 1;
    if (from < day[row]!) {
      missing += day[row]! - from;
      firstMissing ??= onDay(rows, row, from);
    }
    if (before >= 0 && counts.some((values) => values[row]! < values[before]!)) fallen.push(where(rows, row));
  }
  return { missing, firstMissing, fallen };
};

/** Where a test of single rows finds some, by place. */
const found = (rows: UsageColumns, isOdd: (index: number) => boolean): ReadonlyArray<string> => {
  const odd: Array<string> = [];
  for (let index = 0; index < rows.length; index++) if (isOdd(index)) odd.push(where(rows, index));
  return odd;
};

const unevenSplits = (rows: UsageColumns): ReadonlyArray<string> => {
  const { anonymous, anonymous_identified: identified, never_identified: never } = rows.counts;
  if (anonymous === undefined) return [];
  return found(rows, (index) => anonymous[index]! !== identified![index]! + never![index]!);
};

const oddPeriods = (month: UsageMonth.UsageMonth, { length, period }: UsageColumns): ReadonlyArray<string> => {
  if (period === undefined) return [];
  const [start, end] = [UsageMonth.start(month), UsageMonth.end(month)];
  const odd = new Set<string>();
  for (let index = 0; index < length; index++) {
    const [from, to] = [period.start[index]!, period.end[index]!];
    if (from !== start || to !== end) odd.add(`${Instant.format(from)} to ${Instant.format(to)}`);
  }
  return [...odd];
};

const outsideMonth = (month: UsageMonth.UsageMonth, rows: UsageColumns): ReadonlyArray<string> => {
  if (rows.period !== undefined) return [];
  const [first, end] = [UsageMonth.firstDay(month), Instant.dayOf(UsageMonth.end(month))];
  return found(rows, (index) => rows.day[index]! < first || rows.day[index]! >= end);
};

/** Sources overlap: each is at most the workspace, and all together at least. */
const againstWorkspace = (rows: UsageColumns, workspace: ReadonlyArray<UsageRow>): ReadonlyArray<Capture.Warning> => {
  const keyOfDay = (day: number, period: number | undefined) => `${period ?? ""}/${day}`;
  interface Whole {
    readonly row: UsageRow;
    readonly figure: bigint;
    sum: bigint | undefined;
  }
  const wholes = new Map(
    workspace.map((row): [string, Whole] => [
      keyOfDay(row.day, isMtu(row) ? row.period_start : undefined),
      { row, figure: figureOf(row), sum: undefined },
    ]),
  );
  const figureAt = figuresAt(rows);
  const larger: Array<string> = [];
  let whole: Whole | undefined;
  for (let index = 0; index < rows.length; index++) {
    // In key order the rows of a day are beside each other, and those of a period.
    if (index === 0 || !isSameDay(rows, index - 1, index)) {
      whole = wholes.get(keyOfDay(rows.day[index]!, rows.period?.start[index]));
    }
    if (whole === undefined) continue;
    const figure = figureAt(index);
    if (figure > whole.figure) larger.push(where(rows, index));
    whole.sum = (whole.sum ?? 0n) + figure;
  }
  const short = [...wholes.values()].flatMap(({ figure, row, sum }) =>
    sum !== undefined && sum < figure ? [Instant.formatDay(row.day)] : [],
  );
  return [
    ...warning("source-above-workspace", "sources are above the workspace's figure", larger),
    ...warning("sources-below-workspace", "days have sources that together are below the workspace's figure", short),
  ];
};

/** The latest period end that the rows name, or the calendar month's. */
export const periodEndOf = ({ dataset, month }: Partition.Partition, columns: Columns): Instant.EpochMicros =>
  usageColumns(usageTableOf({ dataset }), columns).period?.end.reduce(
    (latest, end) => Math.max(latest, end),
    UsageMonth.end(month),
  ) ?? UsageMonth.end(month);
