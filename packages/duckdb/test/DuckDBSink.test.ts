import { assert, describe, it } from "@effect/vitest";
import { Partition } from "@segmeter/domain";
import * as Effect from "effect/Effect";
import * as Fiber from "effect/Fiber";
import { join } from "node:path";
import { connect } from "../src/DuckDBConnection.ts";
import { openDuckDBFile } from "../src/DuckDBFile.ts";
import { openDuckDBSink } from "../src/index.ts";
import { ask, at, callsRow, capture, directory, mtuRow, ofWorkspace, partition, replace } from "./Setting.ts";

const january = partition("source-mtu");
const february = partition("source-mtu", "2024-02");

const sources = (count: number, identified = 1n) =>
  Array.from({ length: count }, (_, index) => mtuRow({ source_id: `s${String(index).padStart(6, "0")}`, identified }));

const opened = Effect.gen(function* () {
  const path = join(yield* directory, "segmeter.duckdb");
  return { sink: yield* openDuckDBSink({ path }) };
});

describe("DuckDBSink", () => {
  it.live("a replace that fails half-way leaves the old partition, and a sink that goes on", () =>
    Effect.gen(function* () {
      const { sink } = yield* opened;
      const captured = yield* replace(sink, january, sources(5_000));
      // The last row, when two chunks are appended and the old rows deleted.
      const rows = [...sources(5_000, 2n), mtuRow({ source_id: "zzz", identified: 2n ** 63n })];
      const error = yield* Effect.flip(replace(sink, january, rows));
      assert.strictEqual(error.reason, "Unrepresentable");
      assert.strictEqual(error.operation, `replace ${Partition.label(january)}`);
      assert.include(error.detail, "Row 5001 has 9223372036854775808n for identified");
      assert.deepStrictEqual(yield* sink.read(january), captured);
      assert.deepStrictEqual(yield* sink.captures(), [captured.capture]);
      const next = yield* replace(sink, january, sources(3, 3n));
      assert.deepStrictEqual(yield* sink.read(january), next);
    }).pipe(Effect.scoped),
  );

  it.live("refuses two rows of one key before it touches anything", () =>
    Effect.gen(function* () {
      const { sink } = yield* opened;
      const captured = yield* replace(sink, january, sources(3));
      const twice = [mtuRow({ source_id: "s1" }), mtuRow({ source_id: "s1", identified: 2n })];
      const error = yield* Effect.flip(replace(sink, january, twice));
      assert.include(error.detail, "source_id s1");
      assert.deepStrictEqual(yield* sink.read(january), captured);
      // The same source and day in two periods are two rows.
      const periods = [mtuRow({ period_start: at("2023-12-15") }), mtuRow({ period_start: at("2024-01-15") })];
      const kept = yield* replace(sink, january, periods);
      assert.deepStrictEqual(yield* sink.read(january), kept);
    }).pipe(Effect.scoped),
  );

  it.live("an interrupted replace is whole or not at all, and the sink goes on", () =>
    Effect.gen(function* () {
      const { sink } = yield* opened;
      const before = yield* replace(sink, january, sources(2_000));
      const after = { capture: capture(january, { rows: 20_000 }), rows: sources(20_000, 2n) };
      const fiber = yield* Effect.forkChild(sink.replace(after), { startImmediately: true });
      yield* Fiber.interrupt(fiber);
      const found = yield* sink.read(january);
      assert.deepInclude<unknown>([before, after], found);
      const next = yield* replace(sink, february, sources(3));
      assert.deepStrictEqual(yield* sink.read(february), next);
    }).pipe(Effect.scoped),
  );

  it.live("readers see the old partition or the new one while it is replaced", () =>
    Effect.gen(function* () {
      const { sink } = yield* opened;
      const versions = [1n, 2n, 3n, 4n].map((identified) => ({
        capture: capture(january, { rows: 3_000 }),
        rows: sources(3_000, identified),
      }));
      yield* sink.replace(versions[0]!);
      const writing = yield* Effect.forkChild(
        Effect.forEach(versions, (version) => sink.replace(version)),
        { startImmediately: true },
      );
      for (let reads = 0; reads < 8; reads++) {
        const found = yield* sink.read(january);
        assert.deepStrictEqual(
          found,
          versions.find((version) => version.capture.captureId === found?.capture.captureId),
        );
      }
      yield* Fiber.join(writing);
      assert.deepStrictEqual(yield* sink.read(january), versions.at(-1));
    }).pipe(Effect.scoped),
  );

  it.live("replaces that come at once take turns", () =>
    Effect.gen(function* () {
      const { sink } = yield* opened;
      const months = Array.from({ length: 9 }, (_, index) => partition("source-mtu", `2024-0${index + 1}`));
      const all = yield* Effect.forEach(months, (of, index) => replace(sink, of, sources(1_000 + index)), {
        concurrency: "unbounded",
      });
      for (const captured of all) assert.deepStrictEqual(yield* sink.read(captured.capture.partition), captured);
      assert.lengthOf(yield* sink.held("w1"), all.length);
    }).pipe(Effect.scoped),
  );

  it.live("holds what replaced the partition last, though the clock stands still or runs backwards", () =>
    Effect.gen(function* () {
      const { sink } = yield* opened;
      const capturedAt = at("2024-03-01");
      for (const moment of [capturedAt, capturedAt, capturedAt, capturedAt - 1, capturedAt + 5, capturedAt - 7]) {
        const captured = yield* replace(sink, january, sources(2, BigInt(moment)), { capturedAt: moment });
        assert.deepStrictEqual(yield* sink.held("w1"), [captured.capture]);
        assert.deepStrictEqual(yield* sink.read(january), captured);
      }
      assert.lengthOf(yield* sink.captures(), 6);
    }).pipe(Effect.scoped),
  );

  it.live("holds what it has rows of, whatever is recorded", () =>
    Effect.gen(function* () {
      const { sink } = yield* opened;
      // History, as a rebuild from another sink would write it: before and after the capture that is held.
      yield* sink.record(capture(january, { capturedAt: at("2024-01-05") }));
      assert.deepStrictEqual(yield* sink.held("w1"), []);
      assert.isUndefined(yield* sink.read(january));
      const captured = yield* replace(sink, january, sources(2));
      for (const outcome of ["captured", "empty", "failed", "forbidden"] as const) {
        yield* sink.record(capture(january, { outcome, capturedAt: at("2025-01-01") }));
      }
      assert.deepStrictEqual(yield* sink.held("w1"), [captured.capture]);
      assert.deepStrictEqual(yield* sink.read(january), captured);
      assert.lengthOf(yield* sink.captures("w1"), 6);
    }).pipe(Effect.scoped),
  );

  it.live("lists captures of one microsecond by their ids", () =>
    Effect.gen(function* () {
      const { sink } = yield* opened;
      const capturedAt = at("2024-03-01");
      const all = Array.from({ length: 20 }, (_, index) =>
        capture(january, { captureId: `c${99 - index}`, capturedAt }),
      );
      yield* Effect.forEach(all, (each) => sink.record(each));
      assert.deepStrictEqual(yield* sink.captures(), all.toReversed());
    }).pipe(Effect.scoped),
  );

  it.live("takes text for text: nothing in an id or a name is SQL", () =>
    Effect.gen(function* () {
      const { sink } = yield* opened;
      const id = `'; DROP TABLE captures; --`;
      const of = partition("workspace-api-calls", "2024-01", id);
      const captured = yield* replace(sink, of, [ofWorkspace(callsRow({ api_calls: 7n }))], {
        captureId: id,
        runId: id,
      });
      yield* sink.saveNames({ workspace: { id, slug: id, name: id }, sources: [], seenAt: at("2024-01-01") });
      assert.deepStrictEqual(yield* sink.read(of), captured);
      assert.deepStrictEqual(yield* sink.captures(id), [captured.capture]);
    }).pipe(Effect.scoped),
  );

  it.live("says so when somebody altered its ledger", () =>
    Effect.gen(function* () {
      const path = join(yield* directory, "segmeter.duckdb");
      yield* Effect.scoped(Effect.flatMap(openDuckDBSink({ path }), (sink) => replace(sink, january, sources(1))));
      yield* Effect.promise(() => ask(path, "UPDATE captures SET outcome = 'fine'"));
      const sink = yield* openDuckDBSink({ path });
      const error = yield* Effect.flip(sink.held("w1"));
      assert.strictEqual(error.reason, "Damaged");
      assert.include(error.detail, path);
    }).pipe(Effect.scoped),
  );

  it.live("does not touch the revisions when nothing was superseded", () =>
    Effect.gen(function* () {
      const path = join(yield* directory, "segmeter.duckdb");
      const sink = yield* openDuckDBSink({ path });
      // The same instance: what one connection drops is gone for all.
      const connection = yield* connect(yield* openDuckDBFile({ path, access: "read-write" }), String);
      yield* Effect.promise(() => connection.run("DROP TABLE source_mtu_daily_revisions"));
      const captured = yield* replace(sink, january, sources(3));
      assert.deepStrictEqual(yield* sink.read(january), captured);
      const other = { capture: capture(january), rows: sources(2) };
      const error = yield* Effect.flip(sink.replace(other, { since: 1, revisions: [], captures: [] }));
      assert.include(error.detail, "source_mtu_daily_revisions");
      assert.deepStrictEqual(yield* sink.read(january), captured);
    }).pipe(Effect.scoped),
  );

  it.live("refuses two revisions of one version before it touches anything", () =>
    Effect.gen(function* () {
      const { sink } = yield* opened;
      const captured = yield* replace(sink, january, sources(3));
      const revision = { ...sources(1)[0]!, superseded_at: at("2024-02-03") };
      const twice = { since: 0, revisions: [revision, { ...revision, superseded_at: at("2024-02-04") }], captures: [] };
      const error = yield* Effect.flip(sink.replace(captured, twice));
      assert.include(error.detail, "Two revisions have the key");
      assert.include(error.detail, "source_id s000000");
      assert.deepStrictEqual(yield* sink.revisions(january), []);
      // Two versions of one key are two.
      const versions = [{ ...revision, observed_at: at("2024-02-01") }, revision];
      yield* sink.replace(captured, { ...twice, revisions: versions });
      assert.deepStrictEqual(yield* sink.revisions(january), versions);
    }).pipe(Effect.scoped),
  );

  it.live("writes no names, runs or captures that are there as they are", () =>
    Effect.gen(function* () {
      const path = join(yield* directory, "segmeter.duckdb");
      const sink = yield* openDuckDBSink({ path });
      const connection = yield* connect(yield* openDuckDBFile({ path, access: "read-write" }), String);
      // A row that is written again has another number.
      const numbers = Effect.promise(async () => {
        const tables = ["workspaces", "sources", "captures", "runs"];
        const sql = tables.map((name) => `SELECT '${name}', workspace_id, rowid FROM ${name}`).join(" UNION ALL ");
        return (await connection.run(`${sql} ORDER BY ALL`)).getRowsJson();
      });
      const names = (name: string, seenAt: number) => ({
        workspace: { id: "w1", slug: "w", name },
        sources: [{ id: "s1", slug: "s", name: "S", type: "web", enabled: true, labels: [] }],
        seenAt,
      });
      const run = { runId: "r1", workspaceId: "w1", command: "c", arguments: {}, version: "1", started: 1 };
      yield* replace(sink, january, sources(1));
      yield* sink.saveNames(names("W", at("2024-01-01")));
      yield* sink.saveRun(run);
      const before = yield* numbers;
      yield* sink.saveNames(names("W", at("2024-01-01T20:00:00")));
      yield* sink.saveRun(run);
      yield* sink.addBooks("w1", yield* sink.books("w1"));
      assert.deepStrictEqual(yield* numbers, before);
      yield* sink.saveNames(names("Other", at("2024-01-01T20:00:00")));
      assert.notDeepEqual(yield* numbers, before);
    }).pipe(Effect.scoped),
  );

  it.live("keeps the file from growing with every replacement", () =>
    Effect.gen(function* () {
      const path = join(yield* directory, "segmeter.duckdb");
      const sizes: Array<number> = [];
      for (let round = 0; round < 6; round++) {
        yield* Effect.scoped(
          Effect.flatMap(openDuckDBSink({ path }), (sink) => replace(sink, january, sources(10_000, BigInt(round)))),
        );
        const [[blocks] = []] = yield* Effect.promise(() =>
          ask(path, "SELECT used_blocks::INT FROM pragma_database_size()"),
        );
        sizes.push(blocks as number);
      }
      assert.isAtMost(Math.max(...sizes.slice(3)), 2 * Math.max(...sizes.slice(0, 3)));
    }).pipe(Effect.scoped),
  );
});
