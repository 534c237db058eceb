import { assert, describe, it } from "@effect/vitest";
import { Capture, type Fault, usageRowsOf, usageTableOf } from "@segmeter/domain";
import * as Effect from "effect/Effect";
import { join } from "node:path";
import { connect } from "../src/DuckDBConnection.ts";
import { openDuckDBFile } from "../src/DuckDBFile.ts";
import { heldTable } from "../src/DuckDBSchema.ts";
import { openDuckDBSink } from "../src/index.ts";
import { ask, at, capture, directory, mtuRow, partition, replace } from "./Setting.ts";

const january = partition("source-mtu");
const [first, second] = [at("2024-02-02"), at("2024-02-03")];

/** A month whose row of `s1` was corrected once, and a good neighbour. */
const filled = Effect.gen(function* () {
  const path = join(yield* directory, "segmeter.duckdb");
  yield* Effect.scoped(
    Effect.gen(function* () {
      const sink = yield* openDuckDBSink({ path });
      const before = mtuRow({ source_id: "s1", observed_at: first });
      const same = mtuRow({ source_id: "s2", observed_at: first });
      const after = mtuRow({ source_id: "s1", identified: 1n, observed_at: second });
      const fields = { rows: 2, capturedAt: first, captureId: "capture-a" };
      yield* sink.replace({ capture: capture(january, fields), rows: [before, same] });
      yield* sink.replace(
        { capture: capture(january, { ...fields, capturedAt: second, captureId: "capture-b" }), rows: [after, same] },
        { since: first, revisions: [{ ...before, superseded_at: second }], captures: [] },
      );
      const row = mtuRow({ observed_at: first });
      yield* replace(sink, partition("source-mtu", "2024-01", "w2"), [row], { capturedAt: first });
    }),
  );
  return path;
});

const inspect = (path: string) =>
  Effect.scoped(Effect.flatMap(openDuckDBSink({ path, access: "read-only" }), (sink) => sink.inspect));

const where = "source_mtu_daily 2024-01 of workspace w1";

/** What somebody does to the database, and the faults that are found then. */
const changes: ReadonlyArray<{
  readonly what: string;
  readonly sql: string;
  readonly faults: ReadonlyArray<Pick<Fault, "kind" | "detail"> & { readonly where?: string; readonly none?: true }>;
}> = [
  { what: "nothing", sql: "SELECT 1", faults: [] },
  {
    what: "a row twice",
    sql: "INSERT INTO source_mtu_daily FROM source_mtu_daily WHERE source_id = 's2'",
    faults: [
      { kind: "altered", detail: "Two rows have the key" },
      { kind: "altered", detail: "It has 3 rows; its capture capture-b kept 2." },
    ],
  },
  {
    what: "a row gone",
    sql: "DELETE FROM source_mtu_daily WHERE source_id = 's2'",
    faults: [{ kind: "altered", detail: "It has 1 row; its capture capture-b kept 2." }],
  },
  {
    what: "a revision twice",
    sql: "INSERT INTO source_mtu_daily_revisions FROM source_mtu_daily_revisions",
    faults: [
      { kind: "altered", detail: "Two revisions have the key" },
      { kind: "inconsistent", detail: "A revision was observed while another version stood" },
    ],
  },
  {
    what: "a revision of no capture",
    sql: "UPDATE source_mtu_daily_revisions SET observed_at = observed_at - INTERVAL 1 HOUR",
    faults: [{ kind: "inconsistent", detail: "A revision was observed by no capture in the ledger" }],
  },
  {
    what: "a capture gone from the ledger that rows refer to",
    sql: "DELETE FROM captures WHERE capture_id = 'capture-a'",
    faults: [
      { kind: "inconsistent", detail: "A revision was observed by no capture" },
      { kind: "inconsistent", detail: "A row was observed by no capture" },
    ],
  },
  {
    what: "the held capture gone from the ledger",
    sql: "DELETE FROM captures WHERE capture_id = 'capture-b'",
    faults: [
      { kind: "inconsistent", detail: "It has 2 rows and 1 revision; the capture that it holds is not in the ledger." },
    ],
  },
  {
    what: "nothing held",
    sql: `DELETE FROM ${heldTable.name} WHERE workspace_id = 'w1'`,
    faults: [{ kind: "inconsistent", detail: "It has 2 rows and 1 revision, and no capture is held." }],
  },
  {
    what: "revisions alone",
    sql: `DELETE FROM ${heldTable.name} WHERE workspace_id = 'w1'; DELETE FROM source_mtu_daily WHERE workspace_id = 'w1'`,
    faults: [{ kind: "inconsistent", detail: "It has 0 rows and 1 revision, and no capture is held." }],
  },
  {
    what: "held twice",
    sql: `INSERT INTO ${heldTable.name} FROM ${heldTable.name} WHERE workspace_id = 'w1'`,
    faults: [{ kind: "inconsistent", detail: "It is held 2 times." }],
  },
  {
    what: "an older capture held",
    sql: `UPDATE ${heldTable.name} SET capture_id = 'capture-a' WHERE workspace_id = 'w1'`,
    faults: [
      { kind: "inconsistent", detail: "It holds the capture capture-a; the ledger's last is capture-b." },
      { kind: "inconsistent", detail: "A revision was superseded after the held capture" },
      { kind: "inconsistent", detail: "A row was observed after the held capture" },
    ],
  },
  {
    what: "a failed capture held",
    sql: "UPDATE captures SET outcome = 'failed' WHERE capture_id = 'capture-b'",
    faults: [
      { kind: "inconsistent", detail: "It holds the capture capture-b, which failed." },
      { kind: "inconsistent", detail: "It holds the capture capture-b; the ledger's last is capture-a." },
    ],
  },
  {
    what: "a ledger that cannot be read",
    sql: "UPDATE captures SET state = 'fine' WHERE workspace_id = 'w1'",
    faults: [
      { kind: "altered", where: "captures", none: true, detail: "the capture capture-" },
      { kind: "altered", detail: "the capture capture-" },
    ],
  },
  {
    what: "a month that is none",
    sql: "UPDATE source_mtu_daily_revisions SET usage_month = DATE '2024-01-15'",
    faults: [
      {
        kind: "inconsistent",
        where: "source-mtu 2024-01-15 of workspace w1",
        none: true,
        detail: "no partition of segmeter's",
      },
    ],
  },
];

describe("DuckDBInspection", () => {
  for (const { faults, sql, what } of changes) {
    it.live(`finds ${what}`, () =>
      Effect.gen(function* () {
        const path = yield* filled;
        yield* Effect.promise(() => ask(path, sql));
        const found = yield* inspect(path);
        const shown = JSON.stringify(found.faults, null, 1);
        assert.lengthOf(found.faults, faults.length, shown);
        for (const [index, expected] of faults.entries()) {
          const fault = found.faults[index]!;
          assert.include(fault.detail, expected.detail, shown);
          assert.strictEqual(fault.kind, expected.kind);
          assert.strictEqual(fault.where, expected.where ?? where);
          assert.strictEqual(fault.sink, "duckdb");
          assert.deepStrictEqual(fault.partition, expected.none === true ? undefined : january);
          assert.isUndefined(fault.clear);
        }
        // The good neighbour is there whatever happens.
        assert.include(
          found.held.map(({ partition: { workspaceId } }) => workspaceId),
          "w2",
        );
        assert.strictEqual(found.files, 1);
      }).pipe(Effect.scoped),
    );
  }

  it.live("rows of a month that was never captured can be moved out, and are not lost", () =>
    Effect.gen(function* () {
      const path = yield* filled;
      const astray =
        "SELECT * REPLACE (DATE '2019-01-01' AS usage_month) FROM source_mtu_daily WHERE workspace_id = 'w1'";
      yield* Effect.promise(() => ask(path, `INSERT INTO source_mtu_daily ${astray}`));
      const sink = yield* openDuckDBSink({ path });
      const { faults } = yield* sink.inspect;
      assert.deepStrictEqual(
        faults.map((fault) => [fault.kind, fault.where, fault.detail]),
        [
          [
            "astray",
            "source_mtu_daily 2019-01 of workspace w1",
            "It has 2 rows and 0 revisions, and no capture is held.",
          ],
        ],
      );
      const done = yield* faults[0]!.clear!;
      assert.deepStrictEqual((yield* sink.inspect).faults, []);
      assert.lengthOf((yield* sink.read(january))!.rows, 2);
      const file = / to (.+)\.$/.exec(done)![1]!;
      const kept = yield* Effect.promise(() => ask(":memory:", `SELECT source_id FROM '${file}' ORDER BY ALL`));
      assert.lengthOf(kept, 2);
    }).pipe(Effect.scoped),
  );

  it.live("what is at fault is whole again when it is replaced from another sink", () =>
    Effect.gen(function* () {
      const path = yield* filled;
      const { books, history } = yield* Effect.scoped(
        Effect.gen(function* () {
          const sink = yield* openDuckDBSink({ path, access: "read-only" });
          const { capture, rows } = (yield* sink.read(january))!;
          return {
            history: {
              capture,
              rows: usageRowsOf(usageTableOf(january), rows),
              revisions: yield* sink.revisions(january),
            },
            books: yield* sink.books("w1"),
          };
        }),
      );
      const sink = yield* openDuckDBSink({ path });
      // The same instance, for a second one would lose commits.
      const connection = yield* connect(yield* openDuckDBFile({ path, access: "read-write" }), String);
      for (const { faults, sql, what } of changes.filter(({ what }) => !/nothing$|cannot be read|none$/.test(what))) {
        yield* Effect.promise(() => connection.run(sql));
        assert.lengthOf((yield* sink.inspect).faults, faults.length, what);
        yield* sink.addBooks("w1", books);
        yield* sink.replace(history, Capture.wholly(history, books.captures));
        assert.deepStrictEqual((yield* sink.inspect).faults, [], what);
      }
    }).pipe(Effect.scoped),
  );
});
