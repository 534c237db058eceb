/**
 * `segmeter nightly`: what is open is captured, at the calls that it takes, and what changed is told.
 */
import { assert, layer } from "@effect/vitest";
import { datasetNames, datasets, type Simulator, startSimulator } from "@segmeter/simulator";
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { join } from "node:path";
import {
  assertCode,
  assertOneSentence,
  type Environment,
  finished,
  jsonLines,
  temporaryDirectory,
  usageCalls,
} from "./Command.ts";
import { type Contents, contentsOf, figuresOf, type PlainRow, readers, stamp, tableOf, truthOf } from "./Held.ts";
import { openSession, type Session, type SessionEnded } from "./Session.ts";

/** A night, and what was seen of it. */
interface Night {
  readonly now: string;
  readonly ended: SessionEnded;
  /** For usage, sorted. */
  readonly calls: ReadonlyArray<string>;
  /** Of the nights that are {@link compared}. */
  readonly held: Readonly<Record<"duckdb" | "parquet", Contents>> | undefined;
  /** What the service had, month by month and dataset by dataset. */
  readonly truth: (dataset: (typeof datasetNames)[number], month: string) => ReadonlyArray<PlainRow>;
}

interface Story {
  readonly simulator: Simulator;
  readonly workspaceId: string;
  readonly sourceId: string;
  readonly dataDir: string;
  readonly run: Session;
  readonly nights: Readonly<Record<keyof typeof nights, Night>>;
}

const months = ["2024-01", "2024-02", "2024-03", "2024-04", "2024-05"];

/** In the order in which they are run, on one data directory. */
const nights = {
  /** The first of all: January is open. */
  first: { now: "2024-01-31T06:00:00Z", flags: ["--json"] },
  firstOfMonth: { now: "2024-02-01T02:00:00Z", flags: ["--json"] },
  /** After a source of January was corrected from the 10th on; for a person to read. */
  corrected: { now: "2024-02-05T06:00:00Z", flags: [] },
  again: { now: "2024-02-05T06:00:00Z", flags: ["--json"] },
  anHourLater: { now: "2024-02-05T07:00:00Z", flags: ["--json"] },
  /** After it was corrected again: January is settled by this. */
  settling: { now: "2024-02-08T06:00:00Z", flags: ["--json"] },
  /** After three months without a run. */
  missed: { now: "2024-05-20T06:00:00Z", flags: ["--json"] },
  /** After February was corrected, which nobody looks at any more. */
  idle: { now: "2024-05-20T06:00:00Z", flags: ["--json", "--dataset", "workspace-mtu"] },
  lookback: { now: "2024-05-20T08:00:00Z", flags: ["--json", "--lookback", "3", "--dataset", "workspace-mtu"] },
} as const;

/** What the service recounts before a night. */
const recounts: Partial<Record<keyof typeof nights, { readonly month: string; readonly delta: number }>> = {
  corrected: { month: "2024-01", delta: 1_234 },
  settling: { month: "2024-01", delta: -234 },
  idle: { month: "2024-02", delta: 5 },
};

const compared: ReadonlySet<string> = new Set(["corrected", "again", "anHourLater"]);

class Nights extends Context.Service<Nights, Story>()("test/Nights") {}

const told = Layer.effect(
  Nights,
  Effect.gen(function* () {
    const simulator = yield* startSimulator({ now: nights.first.now, workspaces: [{ sources: 3, from: "2024-01" }] });
    const { id: workspaceId, token } = simulator.workspaces[0]!;
    const [source] = simulator.sources(workspaceId);
    const dataDir = join(yield* temporaryDirectory, "data");
    const run = yield* openSession;
    const seen: Partial<Record<keyof typeof nights, Night>> = {};
    for (const name of Object.keys(nights) as ReadonlyArray<keyof typeof nights>) {
      const { flags, now } = nights[name];
      simulator.setNow(now);
      const recount = recounts[name];
      if (recount !== undefined) simulator.restate({ workspaceId, sourceId: source!.id, fromDay: 10, ...recount });
      const env: Environment = { SEGMENT_API_URL: simulator.url, SEGMENT_TOKEN: token, SEGMETER_NOW: now };
      const since = simulator.requests.length;
      const ended = yield* run(["nightly", "--data-dir", dataDir, ...flags], env);
      const truth = new Map(
        datasetNames.flatMap((dataset) =>
          months.map((month) => [`${dataset} ${month}`, truthOf(simulator, workspaceId, dataset, [month])] as const),
        ),
      );
      seen[name] = {
        now,
        ended,
        calls: usageCalls(simulator, since).toSorted(),
        held: compared.has(name) ? yield* Effect.promise(() => contentsOf(dataDir)) : undefined,
        truth: (dataset, month) => truth.get(`${dataset} ${month}`)!,
      };
    }
    return { simulator, workspaceId, sourceId: source!.id, dataDir, run, nights: seen as Story["nights"] };
  }),
);

/** One call for each dataset of each month. */
const callsOf = (...asked: ReadonlyArray<string>): ReadonlyArray<string> =>
  asked.flatMap((month) => datasetNames.map((name) => `${datasets[name].path} ${month}-01`)).toSorted();

const withoutRuns = (contents: Contents): Contents =>
  Object.fromEntries(Object.entries(contents).filter(([table]) => table !== "captures" && table !== "runs"));

/** MTU, or API calls, of the last row: of the source, or of the workspace itself. */
const figureOf = (rows: ReadonlyArray<PlainRow>, day: string, sourceId?: string): bigint => {
  const row = rows.find((one) => one["day"] === day && (sourceId === undefined || one["source_id"] === sourceId))!;
  return "api_calls" in row
    ? (row["api_calls"] as bigint)
    : (row["identified"] as bigint) + (row["never_identified"] as bigint);
};

layer(told, { excludeTestServices: true })("nightly", (it) => {
  it.effect("begins with the month that is open, when nothing is held", () =>
    Effect.gen(function* () {
      const { first } = (yield* Nights).nights;
      assertCode(first.ended, 0);
      // The 31st less seven days is January still.
      assert.deepStrictEqual(first.calls, callsOf("2024-01"));
    }),
  );

  it.effect("on the first of a month finishes the old one", () =>
    Effect.gen(function* () {
      const { dataDir, nights } = yield* Nights;
      assertCode(nights.firstOfMonth.ended, 0);
      assert.deepStrictEqual(nights.firstOfMonth.calls, callsOf("2024-01", "2024-02"));
      for (const read of Object.values(readers)) {
        const rows = yield* Effect.promise(() => read(dataDir, "captures"));
        const states = rows
          .filter((row) => row["captured_at"] === stamp(nights.firstOfMonth.now))
          .map((row) => `${String(row["usage_month"])} ${String(row["state"])}`);
        assert.deepStrictEqual([...new Set(states)].toSorted(), ["2024-01-01 open", "2024-02-01 open"]);
      }
    }),
  );

  it.effect("twice in a row, or an hour later, changes nothing but captures and runs", () =>
    Effect.gen(function* () {
      const { again, anHourLater, corrected } = (yield* Nights).nights;
      assert.isAbove(corrected.held!.duckdb["sources"]!.length, 0);
      for (const { calls, ended, held } of [again, anHourLater]) {
        assertCode(ended, 0);
        assert.deepStrictEqual(calls, callsOf("2024-01", "2024-02"));
        assert.include(finished(ended), { captured: 8, skipped: 0, revisions: 0 });
        for (const sink of ["duckdb", "parquet"] as const) {
          assert.deepStrictEqual(withoutRuns(held![sink]), withoutRuns(corrected.held![sink]), sink);
        }
      }
      assert.strictEqual(again.held!.duckdb["runs"]!.length, corrected.held!.duckdb["runs"]!.length + 1);
    }),
  );

  it.effect("settles a month a week after its end, and then asks no more for it", () =>
    Effect.gen(function* () {
      const { idle, missed, settling } = (yield* Nights).nights;
      assertCode(settling.ended, 0);
      assert.deepStrictEqual(settling.calls, callsOf("2024-01", "2024-02"));
      const states = jsonLines(settling.ended.stdout).filter(({ event }) => event === "partition-captured");
      for (const { state, usageMonth } of states) {
        assert.strictEqual(state, usageMonth === "2024-01" ? "settled" : "open");
      }
      // Months that no run was made for are made up for, and settled at once.
      assertCode(missed.ended, 0);
      assert.deepStrictEqual(missed.calls, callsOf("2024-02", "2024-03", "2024-04", "2024-05"));
      assert.include(finished(missed.ended), { captured: 16, skipped: 4, failed: 0 });
      assertCode(idle.ended, 0);
      assert.deepStrictEqual(idle.calls, ["/usage/mtu/daily 2024-05-01"]);
      assert.include(finished(idle.ended), { captured: 1, skipped: 4, revisions: 0 });
    }),
  );

  it.effect("--lookback reads settled months again", () =>
    Effect.gen(function* () {
      const { lookback } = (yield* Nights).nights;
      assertCode(lookback.ended, 0);
      const months = ["2024-02", "2024-03", "2024-04", "2024-05"];
      assert.deepStrictEqual(
        lookback.calls,
        months.map((month) => `/usage/mtu/daily ${month}-01`),
      );
      assert.include(finished(lookback.ended), { captured: 4, skipped: 1, revisions: 20 });
    }),
  );

  it.effect("without --json says on stdout one line", () =>
    Effect.gen(function* () {
      const { corrected } = (yield* Nights).nights;
      assertCode(corrected.ended, 0);
      assert.match(
        corrected.ended.stdout,
        /^nightly: 8 partitions captured \([\d,]+ rows\), 0 held already, 88 rows restated, 0 failed; \d+ requests, 0 of them retries, in [^\n]+\n$/,
      );
    }),
  );

  it.effect("tells a person which figures were restated, by how much", () =>
    Effect.gen(function* () {
      const { nights, sourceId, workspaceId } = yield* Nights;
      const { corrected, firstOfMonth } = nights;
      const lines = corrected.ended.stderr.split("\n").filter((line) => line.startsWith("restated: "));
      const expected = datasetNames.map((dataset) => {
        const ofSource = dataset.startsWith("source");
        const [before, after] = [firstOfMonth, corrected].map(({ truth }) =>
          figureOf(truth(dataset, "2024-01"), "2024-01-31", ofSource ? sourceId : undefined),
        );
        assert.strictEqual(after! - before!, 1_234n);
        const figures = [before, after].map((figure) => figure!.toLocaleString("en-US")).join(" → ");
        const unit = dataset.endsWith("mtu") ? "MTU" : "API calls";
        return `restated: ${dataset} 2024-01 of workspace ${workspaceId}: 22 rows corrected; ${unit} ${
          ofSource ? `of source ${sourceId} ` : ""
        }on 2024-01-31: ${figures} (+1,234).`;
      });
      assert.sameMembers(lines, expected);
    }),
  );

  it.effect("tells a program the same, in lines before the last", () =>
    Effect.gen(function* () {
      const { nights, sourceId, workspaceId } = yield* Nights;
      const { corrected, lookback, settling } = nights;
      const lines = jsonLines(settling.ended.stdout);
      assert.strictEqual(lines.at(-1)?.["event"], "run-finished");
      assert.strictEqual(lines.at(-1)?.["revisions"], 88);
      const expected = datasetNames.map((dataset) => {
        const ofSource = dataset.startsWith("source");
        const [before, after] = [corrected, settling].map(({ truth }) =>
          String(figureOf(truth(dataset, "2024-01"), "2024-01-31", ofSource ? sourceId : undefined)),
        );
        return {
          event: "figures-restated",
          workspaceId,
          dataset,
          usageMonth: "2024-01",
          measure: dataset.endsWith("mtu") ? "mtu" : "api-calls",
          corrected: 22,
          withdrawn: 0,
          changes: [{ sourceId: ofSource ? sourceId : null, day: "2024-01-31", before, after, difference: "-234" }],
        };
      });
      const restated = lines.filter(({ event }) => event === "figures-restated");
      assert.sameDeepMembers([...restated], expected);
      // And a month that was settled is named as well.
      const [late, ...others] = jsonLines(lookback.ended.stdout).filter(({ event }) => event === "figures-restated");
      assert.include(late, { dataset: "workspace-mtu", usageMonth: "2024-02", corrected: 20 });
      assert.deepStrictEqual(others, []);
    }),
  );

  it.effect("ends with run-finished, of exactly the fields that the documents name", () =>
    Effect.gen(function* () {
      const { firstOfMonth } = (yield* Nights).nights;
      const line = finished(firstOfMonth.ended);
      assert.strictEqual(
        Object.keys(line).join(" "),
        "event runId captured skipped empty absent failed rows requests retries throttledMs revisions",
      );
    }),
  );

  it.effect("keeps every version that was superseded, in both sinks", () =>
    Effect.gen(function* () {
      const { dataDir, nights } = yield* Nights;
      const { corrected, firstOfMonth, settling } = nights;
      for (const dataset of datasetNames) {
        const changed = (before: Night, after: Night) => {
          const now = new Set(after.truth(dataset, "2024-01").map(textOf));
          return before.truth(dataset, "2024-01").filter((row) => !now.has(textOf(row)));
        };
        const expected = [
          ...changed(firstOfMonth, corrected).map((row) => ({ ...row, superseded_at: stamp(corrected.now) })),
          ...changed(corrected, settling).map((row) => ({ ...row, superseded_at: stamp(settling.now) })),
        ];
        assert.strictEqual(expected.length, 44);
        for (const [name, read] of Object.entries(readers)) {
          const rows = yield* Effect.promise(() => read(dataDir, `${tableOf[dataset]}_revisions`));
          const january = figuresOf(rows.filter((row) => row["usage_month"] === "2024-01-01"));
          assert.deepStrictEqual(
            january.map(textOf).toSorted(),
            expected.map(textOf).toSorted(),
            `${dataset}, ${name}`,
          );
        }
      }
    }),
  );

  it.effect("query --as-of shows the figures as they were known then", () =>
    Effect.gen(function* () {
      const { dataDir, nights, run } = yield* Nights;
      const { corrected, first, firstOfMonth, settling } = nights;
      const sql = `SELECT usage_month, day, source_id, api_calls FROM source_api_calls_daily
        WHERE usage_month < '2024-03-01' ORDER BY ALL`;
      const known = (night: Night | undefined): ReadonlyArray<PlainRow> =>
        night === undefined
          ? []
          : ["2024-01", "2024-02"].flatMap((month) =>
              night
                .truth("source-api-calls", month)
                .map(({ api_calls, day, source_id, usage_month }) => ({ usage_month, day, source_id, api_calls })),
            );
      const moments: ReadonlyArray<readonly [string, Night | undefined]> = [
        ["2024-01-31", undefined],
        ["2024-01-31T05:59:59.999999Z", undefined],
        ["2024-02-01", first],
        ["2024-02-05T05:59:59Z", firstOfMonth],
        ["2024-02-05T06:00:00Z", corrected],
        ["2024-02-05T07:59:00+02:00", firstOfMonth],
        ["2024-02-08T00:00:00-06:00", settling],
        ["2024-02-08 06:00", settling],
      ];
      for (const sink of ["duckdb", "parquet"]) {
        const ask = (moment: string, question: string) =>
          run(["query", "--data-dir", dataDir, "--sink", sink, "--as-of", moment, "--format", "ndjson", question]);
        for (const [moment, night] of moments) {
          const ended = yield* ask(moment, sql);
          assertCode(ended, 0);
          assert.strictEqual(ended.stderr, "");
          assert.deepStrictEqual(
            jsonLines(ended.stdout).map(textOf).toSorted(),
            known(night).map(textOf).toSorted(),
            `${moment} from ${sink}`,
          );
        }
        const views = `SELECT (SELECT api_calls FROM workspace_api_calls_monthly WHERE usage_month = '2024-01-01') AS then,
          (SELECT max(api_calls) FROM workspace_api_calls_as_of('2024-02-05T06:00:00Z') WHERE usage_month = '2024-01-01') AS later`;
        const { stdout } = yield* ask("2024-02-02", views);
        assert.isAbove(known(settling).length, 100);
        const [then, later] = [firstOfMonth, corrected].map(({ truth }) =>
          String(figureOf(truth("workspace-api-calls", "2024-01"), "2024-01-31")),
        );
        assert.strictEqual(stdout, `{"then":${then},"later":${later}}\n`);
      }
    }),
  );

  it.effect("query --as-of nothing that is an instant is bad usage, and so is a lookback that is no number", () =>
    Effect.gen(function* () {
      const { dataDir, run, simulator } = yield* Nights;
      const moments = ["yesterday", "2024-02-30", "2024-02-05T25:00:00Z", ""];
      const commands = [
        ...moments.map((moment) => ["query", "--data-dir", dataDir, "--as-of", moment, "SELECT 1"]),
        ...["-1", "x"].map((count) => ["nightly", "--data-dir", dataDir, `--lookback=${count}`]),
      ];
      const requests = simulator.requests.length;
      for (const [index, args] of commands.entries()) {
        const ended = yield* run(args);
        assertCode(ended, 2);
        assertOneSentence(ended);
        assert.strictEqual(ended.stdout, "");
        assert.match(ended.stderr, index < moments.length ? /--as-of/ : /lookback/);
      }
      assert.strictEqual(simulator.requests.length, requests);
    }),
  );
});

const textOf = (row: PlainRow): string =>
  JSON.stringify(
    Object.entries(row).toSorted(([a], [b]) => (a < b ? -1 : 1)),
    (_, value: unknown) => (typeof value === "bigint" || typeof value === "number" ? String(value) : value),
  );
