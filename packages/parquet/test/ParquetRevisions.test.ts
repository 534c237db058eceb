import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { assert, describe, it } from "@effect/vitest";
import { bookTables, type Encoder } from "@segmeter/domain";
import * as Effect from "effect/Effect";
import { publishFile } from "../src/ParquetFile.ts";
import { revisionsMetadata } from "../src/ParquetFooter.ts";
import { parquetJsEncoder } from "../src/ParquetJsEncoder.ts";
import { openParquetSink } from "../src/ParquetSink.ts";
import { query } from "./Setting.ts";
import {
  after,
  at,
  capture,
  contents,
  january,
  opened,
  partition,
  revision,
  revisionsTable,
  steps,
  version,
  workspaceId,
} from "./SinkSetting.ts";

/** The footer's key–value pairs, as DuckDB reads them. */
const footerOf = (path: string): Effect.Effect<Record<string, unknown>> =>
  Effect.map(
    Effect.promise(() =>
      query(`SELECT decode(key) AS key, decode(value) AS value FROM parquet_kv_metadata('${path}')`),
    ),
    (pairs) => Object.fromEntries(pairs.map(({ key, value }) => [key, value])),
  );

describe("revisions", () => {
  it.effect("lie in a file of their own, once there are any", () =>
    Effect.gen(function* () {
      const { dataDir, revisions, sink } = yield* after(1);
      assert.isFalse(existsSync(join(dataDir, "parquet", revisionsTable.name)));
      assert.deepStrictEqual(yield* sink.revisions(partition), []);
      for (const { captured, superseded } of steps.slice(1)) yield* sink.replace(captured, superseded);
      assert.include(revisions, "/source_mtu_daily_revisions/workspace_id=w/usage_month=2024-01-01/data.parquet");
      assert.deepStrictEqual(readdirSync(dirname(revisions)), ["data.parquet"]);
      assert.deepStrictEqual(yield* sink.revisions(partition), [revision(1, 1, 2), revision(2, 1, 3)]);
      assert.deepStrictEqual(yield* sink.read(partition), steps[2].captured);
      const sql = `SELECT decode(value) AS value FROM parquet_kv_metadata('${revisions}') WHERE decode(key) = 'segmeter.superseded_until'`;
      const [until] = yield* Effect.promise(() => query(sql));
      assert.strictEqual(until!["value"], "2024-02-01T00:00:00.000003Z");
    }),
  );

  it.effect("that a capture supersedes again give way, so that twice equals once", () =>
    Effect.gen(function* () {
      const { dataDir, sink } = yield* after(3);
      const before = yield* sink.revisions(partition);
      yield* sink.replace(steps[2].captured, steps[2].superseded);
      assert.deepStrictEqual(yield* sink.revisions(partition), before);
      assert.deepStrictEqual(Object.keys(contents(dataDir)).length, 3);
    }),
  );

  it.effect(
    "are part of what is committed: without them, or with others, the partition cannot be read, and is at fault",
    () =>
      Effect.gen(function* () {
        const earlier = readFileSync((yield* after(2)).revisions);
        const { revisions, sink } = yield* after(3);
        const bytes = readFileSync(revisions);
        for (const content of [undefined, earlier]) {
          rmSync(revisions);
          if (content !== undefined) writeFileSync(revisions, content);
          const error = yield* Effect.flip(sink.revisions(partition));
          assert.strictEqual(error.reason, "Damaged");
          assert.match(error.detail, /has \d revisions that stand; 2 were committed/);
          const { faults } = yield* sink.inspect;
          assert.deepStrictEqual(
            faults.filter(({ kind }) => kind === "altered").map((fault) => [fault.where, fault.partition, fault.clear]),
            [[revisions, partition, undefined]],
          );
          writeFileSync(revisions, bytes);
          assert.lengthOf((yield* sink.inspect).faults, 0);
        }
      }),
  );

  it.effect("are named by each usage file's footer, whether or not they changed with it", () =>
    Effect.gen(function* () {
      const { data, revisions, sink } = yield* after(2);
      const expected = (yield* sink.revisions(partition)).length;
      yield* sink.replace(
        { capture: capture(3), rows: [version(0, 1)] },
        { since: at(2), revisions: [], captures: [] },
      );
      const { "segmeter.checksum": checksum } = yield* footerOf(revisions);
      assert.include(yield* footerOf(data), {
        "segmeter.revisions": String(expected),
        "segmeter.revisions_checksum": checksum!,
      });
    }),
  );

  it.effect("are known from the footer to stay when none was added", () =>
    Effect.gen(function* () {
      const { revisions, sink } = yield* after(2);
      const bytes = readFileSync(revisions);
      writeFileSync(revisions, bytes.fill(0, 4, 60));
      assert.strictEqual((yield* Effect.flip(sink.revisions(partition))).reason, "Damaged");
      yield* sink.replace(
        { capture: capture(3), rows: [version(0, 1)] },
        { since: at(2), revisions: [], captures: [] },
      );
      assert.deepStrictEqual(readFileSync(revisions), bytes);
      const since = { since: at(1), revisions: [], captures: [] };
      const error = yield* Effect.flip(sink.replace({ capture: capture(4), rows: [version(0, 1)] }, since));
      assert.strictEqual(error.reason, "Damaged");
    }),
  );

  it.effect("that stay the same are not written again", () =>
    Effect.gen(function* () {
      const { revisions, sink } = yield* after(2);
      const { ino } = statSync(revisions);
      const all = { since: 0, revisions: [revision(1, 1, 2)], captures: [] };
      yield* sink.replace({ capture: capture(3), rows: [version(0, 1)] }, all);
      assert.strictEqual(statSync(revisions).ino, ino);
      yield* sink.replace({ capture: capture(4), rows: [version(0, 1)] }, { ...all, revisions: [revision(2, 1, 2)] });
      assert.notStrictEqual(statSync(revisions).ino, ino);
    }),
  );

  it.effect("leave no file when none is left", () =>
    Effect.gen(function* () {
      const { revisions, sink } = yield* after(2);
      yield* sink.replace(steps[1].captured, { since: 0, revisions: [], captures: [] });
      assert.deepStrictEqual(readdirSync(dirname(revisions)), []);
      assert.deepStrictEqual(yield* sink.revisions(partition), []);
    }),
  );

  it.effect("come with the captures that led to them", () =>
    Effect.gen(function* () {
      const { sink } = yield* opened();
      const captures = [capture(1), capture(2)];
      yield* sink.replace(steps[2].captured, { since: 0, revisions: [revision(1, 1, 2)], captures });
      assert.deepStrictEqual(yield* sink.captures(), [...captures, steps[2].captured.capture]);
    }),
  );

  it.effect("of a capture that is not held are not returned", () =>
    Effect.gen(function* () {
      const { data, sink } = yield* after(2);
      const held = readFileSync(data);
      yield* sink.replace(steps[2].captured, steps[2].superseded);
      writeFileSync(data, held);
      assert.deepStrictEqual(yield* sink.revisions(partition), [revision(1, 1, 2)]);
      rmSync(data);
      assert.deepStrictEqual(yield* sink.revisions(partition), []);
    }),
  );

  it.effect("that are lost are noticed before another capture takes what is left for all of them", () =>
    Effect.gen(function* () {
      const { dataDir, revisions, sink } = yield* after(2);
      rmSync(revisions);
      const before = contents(dataDir);
      const { captured, superseded } = steps[2];
      for (const given of [superseded, { ...superseded, revisions: [] }]) {
        const error = yield* Effect.flip(sink.replace(captured, given));
        assert.strictEqual(error.reason, "Damaged");
        assert.include(error.detail, "has 0 revisions that stand; 1 were committed");
        assert.deepStrictEqual(contents(dataDir), before);
      }
      // Where all of them come anew, nothing is lost.
      yield* sink.replace(captured, { since: 0, revisions: [revision(1, 1, 2), revision(2, 1, 3)], captures: [] });
      assert.lengthOf(yield* sink.revisions(partition), 2);
    }),
  );

  it.effect("that were altered are not handed on", () =>
    Effect.gen(function* () {
      const { revisions, sink } = yield* after(2);
      const metadata = revisionsMetadata(revisionsTable, { workspaceId, month: january }, [revision(1, 1, 2)]);
      const rows = [{ ...revision(1, 1, 2), identified: 1n }];
      yield* publishFile(parquetJsEncoder, { table: revisionsTable, rows, metadata, path: revisions });
      const error = yield* Effect.flip(sink.revisions(partition));
      assert.strictEqual(error.reason, "Damaged");
      assert.include(error.detail, "checksum");
    }),
  );
});

describe("a replace that fails while files are put in place", () => {
  /** Takes the finished file that was to lie at `path` away, when everything is ready. */
  const encoderWithout = (path: string): Encoder => ({
    name: "parquetjs",
    encode: (request) => {
      if (request.table.name === bookTables.captures.name) {
        for (const name of readdirSync(dirname(path))) if (name.endsWith(".tmp")) rmSync(join(dirname(path), name));
      }
      return parquetJsEncoder.encode(request);
    },
  });

  const cases = [
    ["puts the previous revisions back", 2, steps[2].superseded],
    ["leaves no revisions where there were none", 1, steps[1].superseded],
    ["puts those back that it had none for", 2, { since: 0, revisions: [], captures: [] }],
  ] as const;
  for (const [title, count, superseded] of cases) {
    it.effect(title, () =>
      Effect.gen(function* () {
        const { data, dataDir } = yield* after(count);
        const before = contents(dataDir);
        const failing = yield* openParquetSink({ dataDir, encoder: encoderWithout(data) });
        const error = yield* Effect.flip(failing.replace(steps[count].captured, superseded));
        assert.include(error.detail, "ENOENT");
        assert.deepStrictEqual(contents(dataDir), before);
      }),
    );
  }

  it.effect("enters no captures in the ledger of a history that is not there, though the same capture is held", () =>
    Effect.gen(function* () {
      const { data, dataDir } = yield* after(2);
      const before = contents(dataDir);
      const failing = yield* openParquetSink({ dataDir, encoder: encoderWithout(data) });
      const history = { since: 0, revisions: [revision(1, 0, 1), revision(1, 1, 2)], captures: [capture(0)] };
      yield* Effect.flip(failing.replace(steps[1].captured, history));
      assert.deepStrictEqual(contents(dataDir), before);
    }),
  );

  it.effect("changes no file when it is the revisions that cannot be put in place", () =>
    Effect.gen(function* () {
      const { dataDir, revisions } = yield* after(2);
      const before = contents(dataDir);
      const failing = yield* openParquetSink({ dataDir, encoder: encoderWithout(revisions) });
      yield* Effect.flip(failing.replace(steps[2].captured, steps[2].superseded));
      assert.deepStrictEqual(contents(dataDir), before);
    }),
  );
});
