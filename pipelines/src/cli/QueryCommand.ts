/**
 * `segmeter query`: one SELECT over what was captured, read-only.
 */
import { Instant } from "@segmeter/domain";
import type { Query, QueryError, QueryResult, QueryValue } from "@segmeter/duckdb";
import * as Argument from "effect/cli/Argument";
import * as Command from "effect/cli/Command";
import * as Flag from "effect/cli/Flag";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import * as Stream from "effect/Stream";
import { createReadStream, existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { readSchemaVersion } from "../SchemaVersion.ts";
import { sinkNames } from "../SinkNames.ts";
import * as Flags from "./Flags.ts";
import { say, write } from "./Output.ts";
import { renderTable } from "./Table.ts";
import { type UsageError, usageError } from "./UsageError.ts";

const formats = ["table", "json", "ndjson", "csv", "parquet"] as const;

/** Rows that a table shows at most; it has to be held whole to be laid out. */
const tableRows = 1_000;

export const query = Command.make(
  "query",
  {
    sql: Argument.String("sql").pipe(Argument.withDescription("One SELECT; SHOW TABLES lists what there is")),
    format: Flag.Literals("format", formats).pipe(
      Flag.withDescription("Form of the result on stdout (default: table)"),
      Flag.withDefault("table"),
    ),
    sink: Flag.Literals("sink", sinkNames).pipe(
      Flag.withDescription("What to read (default: DuckDB if it can be read, else the Parquet files)"),
      Flag.optional,
    ),
    asOf: Flag.String("as-of").pipe(
      Flag.withMetavar("INSTANT"),
      Flag.withDescription(
        "Show the figures as they were known then: a date (its midnight) or a date-time, ISO-8601, in UTC unless it says otherwise",
      ),
      Flag.optional,
    ),
    dataDir: Flags.dataDir,
  },
  Effect.fn("query")(function* ({ asOf: asOfText, dataDir, format, sink, sql }) {
    if (format === "parquet" && process.stdout.isTTY) {
      return yield* usageError("Parquet is nothing for a terminal.", "Redirect it to a file: > result.parquet");
    }
    if (!existsSync(dataDir)) {
      return yield* usageError(
        `There is no data directory ${dataDir}.`,
        "Name it with --data-dir, or make one: segmeter backfill.",
      );
    }
    const asOf = yield* instantOf(asOfText);
    yield* readSchemaVersion(dataDir);
    const { openQuery, toJson } = yield* Effect.promise(() => import("@segmeter/duckdb"));
    yield* Effect.scoped(
      Effect.gen(function* () {
        const opened = yield* openQuery({
          dataDir,
          from: Option.getOrElse(sink, () => "auto" as const),
          ...(asOf === undefined ? {} : { asOf }),
        });
        if (opened.why !== undefined) yield* say(`note: ${opened.why} The Parquet files are read instead.`);
        if (format === "csv" || format === "parquet") return yield* copy(opened, sql, format);
        const result = yield* opened.run(sql);
        if (format === "table") return yield* printTable(result, toJson);
        return yield* printJson(result, toJson, format === "json");
      }),
    );
  }),
).pipe(
  Command.withDescription(
    "Runs one SELECT over the captured tables, read-only. Every count in the daily tables is cumulative within its period: take the latest day, never a sum over days.",
  ),
  Command.withShortDescription("Ask DuckDB about what was captured"),
  Command.withExamples([
    {
      command: 'segmeter query "SELECT usage_month, mtu FROM workspace_mtu_monthly ORDER BY 1"',
      description: "MTU by month",
    },
    {
      command: 'segmeter query --as-of 2024-02-05 "FROM workspace_mtu_monthly"',
      description: "The same, as it was known then",
    },
    {
      command: 'segmeter query --format parquet "FROM source_mtu_monthly" > top.parquet',
      description: "A result as a Parquet file",
    },
    {
      command: 'segmeter query --sink parquet "SHOW TABLES"',
      description: "What there is, straight from the Parquet files",
    },
  ]),
);

const instantOf = (text: Option.Option<string>): Effect.Effect<Instant.EpochMicros | undefined, UsageError> => {
  if (Option.isNone(text)) return Effect.succeed(undefined);
  const instant = Instant.parse(text.value);
  return Option.isSome(instant)
    ? Effect.succeed(instant.value)
    : Effect.fail(
        usageError(
          `--as-of ${JSON.stringify(text.value)} is no instant.`,
          "Write a date such as 2024-02-05, or a date-time such as 2024-02-05T12:00:00Z.",
        ),
      );
};

const textOf = (value: QueryValue, toJson: (value: QueryValue) => string): string =>
  value === null ? "" : typeof value === "string" ? value : toJson(value);

const isNumeric = (type: string): boolean =>
  /^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL.*)$/.test(type);

const printTable = (
  { columns, rows }: QueryResult,
  toJson: (value: QueryValue) => string,
): Effect.Effect<void, QueryError> =>
  Effect.gen(function* () {
    const found = yield* Stream.runCollect(Stream.take(rows, tableRows + 1));
    yield* write(
      `${renderTable({
        head: columns.map(({ name }) => name),
        rows: found.slice(0, tableRows).map((row) => row.map((value) => textOf(value, toJson))),
        right: new Set(columns.flatMap(({ type }, index) => (isNumeric(type) ? [index] : []))),
      })}\n`,
    );
    if (found.length > tableRows) {
      yield* say(`note: only the first ${tableRows} rows are shown; --format csv, json or ndjson has them all.`);
    }
  });

/** An object a row. `asArray`: all of them in one JSON array, else one a line. */
const printJson = (
  { columns, rows }: QueryResult,
  toJson: (value: QueryValue) => string,
  asArray: boolean,
): Effect.Effect<void, QueryError> =>
  Effect.gen(function* () {
    const names = columns.map(({ name }) => JSON.stringify(name));
    let first = true;
    const lineOf = (row: ReadonlyArray<QueryValue>): string => {
      const object = `{${row.map((value, index) => `${names[index]}:${toJson(value)}`).join(",")}}`;
      if (!asArray) return `${object}\n`;
      const line = `${first ? "" : ",\n"}${object}`;
      first = false;
      return line;
    };
    if (asArray) yield* write("[");
    yield* Stream.runForEachArray(rows, (chunk) => write(chunk.map(lineOf).join("")));
    if (asArray) yield* write("]\n");
  });

/** DuckDB writes files; a result for stdout goes through one that nobody else sees. */
const copy = (opened: Query, sql: string, format: "csv" | "parquet"): Effect.Effect<void, QueryError> =>
  Effect.acquireUseRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), "segmeter-query-"))),
    (directory) => {
      const path = join(directory, `result.${format}`);
      return Effect.andThen(
        opened.copyTo(sql, path, format),
        Effect.promise(() => pipeline(createReadStream(path), process.stdout, { end: false })),
      );
    },
    (directory) => Effect.promise(() => rm(directory, { recursive: true, force: true })),
  );
