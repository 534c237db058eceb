import { assert, describe, it } from "@effect/vitest";
import { revisionTables, tables } from "@segmeter/domain";
import * as Effect from "effect/Effect";
import * as Stream from "effect/Stream";
import { mkdir, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { makeDuckDBEncoder, openQuery } from "../src/index.ts";
import { footer } from "./DataDir.ts";
import { at, callsRow, directory } from "./Setting.ts";

describe("ParquetTables", () => {
  it.live("show no revision of a capture that was not committed", () =>
    Effect.gen(function* () {
      const dataDir = yield* directory;
      const encoder = yield* makeDuckDBEncoder();
      const [first, second] = [at("2024-02-02"), at("2024-02-03")];
      const write = (name: string, month: string, rows: ReadonlyArray<object>, capturedAt?: number) => {
        const table = tables.find((each) => each.name === name)!;
        const path = join(dataDir, "parquet", name, "workspace_id=0042", `usage_month=${month}-01`, "data.parquet");
        return Effect.andThen(
          Effect.promise(() => mkdir(dirname(path), { recursive: true })),
          encoder.encode({ table, rows: rows as never, metadata: footer("0042", month, capturedAt), path }),
        );
      };
      const revision = (value: bigint, from: number, until: number) => ({
        ...callsRow({ api_calls: value, observed_at: from }),
        superseded_at: until,
      });
      const usage = "source_api_calls_daily";
      const revisions = revisionTables[usage].name;
      yield* write(usage, "2024-01", [callsRow({ api_calls: 1n, observed_at: first })], first);
      yield* write(usage, "2024-02", [callsRow({ api_calls: 2n, observed_at: second })], second);
      // Those of the second capture and of a third: of the first month only the first was committed.
      const all = [revision(1n, first, second), revision(7n, second, second + 1)];
      yield* write(revisions, "2024-01", [revision(9n, first - 1, first), ...all]);
      yield* write(revisions, "2024-02", all);
      // A month of which no usage file came to be.
      yield* write(revisions, "2024-03", all);
      const look = Effect.fnUntraced(function* (sql: string) {
        const query = yield* openQuery({ dataDir, from: "parquet" });
        const { rows } = yield* query.run(sql);
        return yield* Stream.runCollect(rows);
      }, Effect.scoped);
      const shown = `SELECT usage_month, api_calls FROM ${revisions} ORDER BY ALL`;
      assert.deepStrictEqual(yield* look(shown), [
        ["2024-01-01", 9n],
        ["2024-02-01", 1n],
      ]);
      assert.deepStrictEqual(
        yield* look("SELECT usage_month, api_calls FROM source_api_calls_as_of(DATE '2024-02-05') ORDER BY ALL"),
        [
          ["2024-01-01", 1n],
          ["2024-02-01", 2n],
        ],
      );
      // Without any usage file, none of them is.
      yield* Effect.promise(() => rename(join(dataDir, "parquet", usage), join(dataDir, "elsewhere")));
      assert.deepStrictEqual(yield* look(shown), []);
    }).pipe(Effect.scoped),
  );
});
