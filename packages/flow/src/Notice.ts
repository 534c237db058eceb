/**
 * The gates that only warn: what looks odd in figures that are otherwise whole, recorded on the capture. Pure.
 *
 * One warning per gate, with the number of cases and the first of them: a warning says where to look, it is no report.
 */
import { type Capture, Instant, seriesOf, sourceOf, type UsageRow, UsageMonth } from "@segmeter/domain";
import { figureOf, isMtu } from "./Figure.ts";

/** Shape of `rows`: in key order. `workspace`: the rows of the workspace's own figures of the month, if these are of sources. */
export const notice = (
  month: UsageMonth.UsageMonth,
  rows: ReadonlyArray<UsageRow>,
  workspace: ReadonlyArray<UsageRow> | undefined,
): ReadonlyArray<Capture.Warning> => [
  ...warning("missing-day", "days are missing", missingDays(rows)),
  ...warning("count-fell", "cumulative counts are lower than on the day before", fallen(rows)),
  ...warning("anonymous-split", "rows have anonymous ≠ anonymousIdentified + neverIdentified", unevenSplits(rows)),
  ...warning("period", "periods are not the calendar month", oddPeriods(month, rows)),
  ...warning("outside-month", "rows lie outside the usage month", outsideMonth(month, rows)),
  ...(workspace === undefined ? [] : againstWorkspace(rows, workspace)),
];

const warning = (gate: string, what: string, cases: ReadonlyArray<string>): ReadonlyArray<Capture.Warning> =>
  cases.length === 0 ? [] : [{ gate, message: `${cases.length} ${what}, first: ${cases[0]}.` }];

const where = (row: UsageRow): string => {
  const source = sourceOf(row);
  return `${source === "" ? "" : `source ${source}, `}${Instant.formatDay(row.day)}`;
};

const mtuCounts = ["anonymous", "anonymous_identified", "identified", "never_identified"] as const;

const countsOf = (row: UsageRow): ReadonlyArray<bigint> =>
  "api_calls" in row ? [row.api_calls] : mtuCounts.map((name) => row[name]);

/** Each series by day. Key order puts days before sources, so a series' rows are apart, but in order. */
const bySeries = (rows: ReadonlyArray<UsageRow>): ReadonlyArray<ReadonlyArray<UsageRow>> => [
  ...Map.groupBy(rows, seriesOf).values(),
];

/** Gaps within a series; a workspace's series begins with its period, a source may begin and end at any day. */
const missingDays = (rows: ReadonlyArray<UsageRow>): ReadonlyArray<string> =>
  bySeries(rows).flatMap((series) =>
    series.flatMap((row, index) => {
      const first = isMtu(row) && sourceOf(row) === "" ? Instant.dayOf(row.period_start) : row.day;
      const previous = index === 0 ? first - 1 : series[index - 1]!.day;
      return Array.from({ length: Math.max(0, row.day - previous - 1) }, (_, gap) => {
        const source = sourceOf(row);
        return `${source === "" ? "" : `source ${source}, `}${Instant.formatDay(previous + 1 + gap)}`;
      });
    }),
  );

const fallen = (rows: ReadonlyArray<UsageRow>): ReadonlyArray<string> =>
  bySeries(rows).flatMap((series) =>
    series.flatMap((row, index) => {
      const previous = series[index - 1];
      if (previous === undefined) return [];
      const before = countsOf(previous);
      return countsOf(row).some((count, at) => count < before[at]!) ? [where(row)] : [];
    }),
  );

const unevenSplits = (rows: ReadonlyArray<UsageRow>): ReadonlyArray<string> =>
  rows.flatMap((row) =>
    isMtu(row) && row.anonymous !== row.anonymous_identified + row.never_identified ? [where(row)] : [],
  );

const oddPeriods = (month: UsageMonth.UsageMonth, rows: ReadonlyArray<UsageRow>): ReadonlyArray<string> => {
  const periods = new Map(rows.filter(isMtu).map((row) => [`${row.period_start}/${row.period_end}`, row] as const));
  return [...periods.values()].flatMap(({ period_end, period_start }) =>
    period_start === UsageMonth.start(month) && period_end === UsageMonth.end(month)
      ? []
      : [`${Instant.format(period_start)} to ${Instant.format(period_end)}`],
  );
};

const outsideMonth = (month: UsageMonth.UsageMonth, rows: ReadonlyArray<UsageRow>): ReadonlyArray<string> =>
  rows.flatMap((row) => (isMtu(row) || UsageMonth.of(Instant.startOfDay(row.day)) === month ? [] : [where(row)]));

/** Sources overlap: each is at most the workspace, and all together at least. */
const againstWorkspace = (
  rows: ReadonlyArray<UsageRow>,
  workspace: ReadonlyArray<UsageRow>,
): ReadonlyArray<Capture.Warning> => {
  const dayOf = (row: UsageRow) => `${isMtu(row) ? row.period_start : ""}/${row.day}`;
  const wholes = new Map(workspace.map((row) => [dayOf(row), figureOf(row)]));
  const sums = new Map<string, { readonly row: UsageRow; sum: bigint }>();
  const larger: Array<string> = [];
  for (const row of rows) {
    const whole = wholes.get(dayOf(row));
    if (whole === undefined) continue;
    const figure = figureOf(row);
    if (figure > whole) larger.push(where(row));
    const held = sums.get(dayOf(row));
    if (held === undefined) sums.set(dayOf(row), { row, sum: figure });
    else held.sum += figure;
  }
  const short = [...sums].flatMap(([day, { row, sum }]) =>
    sum < wholes.get(day)! ? [Instant.formatDay(row.day)] : [],
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
