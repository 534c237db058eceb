import { assert, describe, it } from "@effect/vitest";
import type { Partition, UsageRow } from "@segmeter/domain";
import * as Effect from "effect/Effect";
import { mirror, verify } from "../src/index.ts";
import { captureOf, memorySink, partition, workspaceCalls, workspaceId } from "./Setting.ts";

const names = (id: string) => ({ workspace: { id, slug: "acme", name: "Acme" }, sources: [], seenAt: 1 });

describe("mirror", () => {
  it.effect("copies every workspace: rows, revisions, ledger, runs and names", () =>
    Effect.gen(function* () {
      const from = memorySink("parquet");
      for (const id of [workspaceId, "another"]) {
        const of: Partition.Partition = { ...partition("workspace-api-calls"), workspaceId: id };
        const row = (figure: bigint, observed: number): UsageRow =>
          workspaceCalls(1, { api_calls: figure, observed_at: observed });
        const first = captureOf(of, { captureId: `${id} 1`, capturedAt: 1 });
        const second = captureOf(of, { captureId: `${id} 2`, capturedAt: 2 });
        yield* from.replace({ capture: first, rows: [row(1n, 1)] });
        yield* from.replace(
          { capture: second, rows: [row(2n, 2)] },
          { since: 1, revisions: [{ ...row(1n, 1), superseded_at: 2 }], captures: [] },
        );
        const empty = captureOf(
          { ...of, dataset: "workspace-mtu" },
          { captureId: `${id} 3`, outcome: "absent", rows: 0 },
        );
        yield* from.replace({ capture: empty, rows: [] });
        yield* from.record(captureOf(of, { captureId: `${id} 4`, outcome: "failed" }));
        yield* from.saveNames(names(id));
        yield* from.saveRun({ runId: id, workspaceId: id, command: "x", arguments: {}, version: "1", started: 1 });
      }
      yield* from.saveNames(names("named only"));
      const to = memorySink("duckdb");
      assert.strictEqual(yield* mirror(from, to), 4);
      assert.deepStrictEqual(to.partitions, from.partitions);
      assert.deepStrictEqual(to.superseded, from.superseded);
      for (const id of yield* from.workspaceIds) assert.deepStrictEqual(yield* to.books(id), yield* from.books(id));
      assert.deepStrictEqual(yield* to.workspaceIds, yield* from.workspaceIds);
      assert.deepStrictEqual((yield* verify([from, to])).problems, []);
      assert.strictEqual(yield* mirror(from, to), 4, "and again");
      assert.deepStrictEqual((yield* verify([from, to])).problems, []);
    }),
  );

  it.effect("copies nothing from an empty sink", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* mirror(memorySink("parquet"), memorySink("duckdb")), 0);
    }),
  );
});
