/**
 * The gates that only warn: what looks odd in figures that are otherwise whole, recorded on the capture. Pure.
 *
 * One warning per gate, with the number of cases and the first of them: a warning says where to look, it is no report.
 */
import { type Capture, Instant, sourceOf, type UsageRow, UsageMonth } from "@segmeter/domain";
import { figureOf, isMtu } from "./Figure.ts";

/** Shape of `rows`: in key order. `workspace`: the rows of the workspace's own figures of the month, if these are of sources. */
export const notice = (
  month: UsageMonth.UsageMonth,
  rows: ReadonlyArray<UsageRow>,
  workspace: ReadonlyArray<UsageRow> | undefined,
): ReadonlyArray<Capture.Warning> => {
  const { fallen, firstMissing, missing } = alongSeries(rows);
  return [
    ...counted("missing-day", "days are missing", missing, firstMissing),
    ...warning("count-fell", "cumulative counts are lower than on the day before", fallen),
    ...warning("anonymous-split", "rows have anonymous ≠ anonymousIdentified + neverIdentified", unevenSplits(rows)),
    ...warning("period", "periods are not the calendar month", oddPeriods(month, rows)),
    ...warning("outside-month", "rows lie outside the usage month", outsideMonth(month, rows)),
    ...(workspace === undefined ? [] : againstWorkspace(rows, workspace)),
  ];
};

const warning = (gate: string, what: string, cases: ReadonlyArray<string>): ReadonlyArray<Capture.Warning> =>
  counted(gate, what, cases.length, cases[0]);

const counted = (gate: string, what: string, count: number, first = ""): ReadonlyArray<Capture.Warning> =>
  count === 0 ? [] : [{ gate, message: `${count} ${what}, first: ${first}.` }];

const where = (row: UsageRow): string => onDay(row, row.day);

const onDay = (row: UsageRow, day: Instant.EpochDay): string => {
  const source = sourceOf(row);
  return `${source === "" ? "" : `source ${source}, `}${Instant.formatDay(day)}`;
};

const isBelow = (row: UsageRow, before: UsageRow): boolean => {
  if ("api_calls" in row) return "api_calls" in before && row.api_calls < before.api_calls;
  return (
    isMtu(before) &&
    (row.anonymous < before.anonymous ||
      row.anonymous_identified < before.anonymous_identified ||
      row.identified < before.identified ||
      row.never_identified < before.never_identified)
  );
};

/**
 * What is odd from one day of a series, a source in a period, to the next. Key order puts days before sources, so that a series'
 * rows are apart, but in order. Gaps are told within a series; a workspace's begins with its period, a source may begin and end
 * at any day.
 */
const alongSeries = (
  rows: ReadonlyArray<UsageRow>,
): { readonly missing: number; readonly firstMissing: string | undefined; readonly fallen: ReadonlyArray<string> } => {
  const fallen: Array<string> = [];
  // Counted, not gathered: a service that is wrong about a year leaves gaps of centuries, in every series.
  let missing = 0;
  let firstMissing: string | undefined;
  let previous = new Map<string, UsageRow>();
  let period: number | undefined;
  for (const row of rows) {
    if (isMtu(row) && row.period_start !== period) {
      period = row.period_start;
      previous = new Map();
    }
    const source = sourceOf(row);
    const before = previous.get(source);
    previous.set(source, row);
    const first = isMtu(row) && source === "" ? Instant.dayOf(row.period_start) : row.day;
    const from = before === undefined ? first : before.day + 1;
    if (from < row.day) {
      missing += row.day - from;
      firstMissing ??= onDay(row, from);
    }
    if (before !== undefined && isBelow(row, before)) fallen.push(where(row));
  }
  return { missing, firstMissing, fallen };
};

const unevenSplits = (rows: ReadonlyArray<UsageRow>): ReadonlyArray<string> =>
  rows.flatMap((row) =>
    isMtu(row) && row.anonymous !== row.anonymous_identified + row.never_identified ? [where(row)] : [],
  );

const oddPeriods = (month: UsageMonth.UsageMonth, rows: ReadonlyArray<UsageRow>): ReadonlyArray<string> => {
  const [start, end] = [UsageMonth.start(month), UsageMonth.end(month)];
  const odd = new Set<string>();
  for (const row of rows) {
    if (!isMtu(row) || (row.period_start === start && row.period_end === end)) continue;
    odd.add(`${Instant.format(row.period_start)} to ${Instant.format(row.period_end)}`);
  }
  return [...odd];
};

const outsideMonth = (month: UsageMonth.UsageMonth, rows: ReadonlyArray<UsageRow>): ReadonlyArray<string> => {
  const [first, end] = [Instant.dayOf(UsageMonth.start(month)), Instant.dayOf(UsageMonth.end(month))];
  return rows.flatMap((row) => (isMtu(row) || (row.day >= first && row.day < end) ? [] : [where(row)]));
};

const isOfPeriod = (row: UsageRow, other: UsageRow): boolean =>
  isMtu(row) ? isMtu(other) && row.period_start === other.period_start : !isMtu(other);

/** Sources overlap: each is at most the workspace, and all together at least. */
const againstWorkspace = (
  rows: ReadonlyArray<UsageRow>,
  workspace: ReadonlyArray<UsageRow>,
): ReadonlyArray<Capture.Warning> => {
  const dayOf = (row: UsageRow) => `${isMtu(row) ? row.period_start : ""}/${row.day}`;
  interface Whole {
    readonly row: UsageRow;
    readonly figure: bigint;
    sum: bigint | undefined;
  }
  const wholes = new Map(
    workspace.map((row): [string, Whole] => [dayOf(row), { row, figure: figureOf(row), sum: undefined }]),
  );
  const larger: Array<string> = [];
  let whole: Whole | undefined;
  for (const [index, row] of rows.entries()) {
    // In key order the rows of a day are beside each other, and those of a period.
    const before = rows[index - 1];
    if (before === undefined || row.day !== before.day || !isOfPeriod(row, before)) whole = wholes.get(dayOf(row));
    if (whole === undefined) continue;
    const figure = figureOf(row);
    if (figure > whole.figure) larger.push(where(row));
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
export const periodEndOf = (month: UsageMonth.UsageMonth, rows: ReadonlyArray<UsageRow>): Instant.EpochMicros =>
  rows.reduce(
    (latest, row) => (isMtu(row) && row.period_end > latest ? row.period_end : latest),
    UsageMonth.end(month),
  );
