import { readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { assert, describe, it } from "@effect/vitest";
import { Books, bookTables, type Name, Run, UsageMonth } from "@segmeter/domain";
import * as Effect from "effect/Effect";
import { fileOf } from "../src/ParquetLayout.ts";
import { capture, captured, january, opened, partition, workspaceId } from "./SinkSetting.ts";

const run = (id: string, started: number): Run.Run => ({
  runId: id,
  workspaceId,
  command: "backfill",
  arguments: {},
  version: "1",
  started,
});
const source = { id: "s", slug: "s", name: "s", type: "javascript", enabled: true, labels: [] };
const names: Name.Names = { workspace: { id: workspaceId, slug: "acme", name: "Acme" }, sources: [source], seenAt: 1 };

const filled = Effect.fn("filled")(function* () {
  const setting = yield* opened();
  const { dataDir, ledger, sink } = setting;
  yield* sink.replace(captured(1));
  yield* sink.record(capture(2, { outcome: "failed" }));
  yield* sink.saveRun(run("b", 1));
  yield* sink.saveRun(run("a", 2));
  yield* sink.saveNames(names);
  const paths = yield* Effect.forEach([bookTables.runs, bookTables.workspaces, bookTables.sources], (table) =>
    fileOf(dataDir, table, workspaceId),
  );
  return { ...setting, paths: [ledger, ...paths] };
});

describe("the books of a workspace", () => {
  it.effect("are its ledger, runs and names, in order", () =>
    Effect.gen(function* () {
      const { sink } = yield* filled();
      const { captures, runs, sources, workspaces } = yield* sink.books(workspaceId);
      assert.deepStrictEqual(captures, yield* sink.captures(workspaceId));
      assert.deepStrictEqual(runs, [Run.toRow(run("b", 1)), Run.toRow(run("a", 2))]);
      assert.deepStrictEqual(
        [workspaces[0]!.slug, sources[0]!.id, workspaces.length, sources.length],
        ["acme", "s", 1, 1],
      );
      assert.deepStrictEqual(yield* sink.books("nobody"), Books.empty);
    }),
  );

  it.effect("are remade by what another sink has, when any file of them is gone", () =>
    Effect.gen(function* () {
      const { paths, sink } = yield* filled();
      const books = yield* sink.books(workspaceId);
      for (const path of paths) {
        rmSync(path);
        assert.notDeepEqual(yield* sink.books(workspaceId), books);
        yield* sink.addBooks(workspaceId, books);
        assert.deepStrictEqual(yield* sink.books(workspaceId), books);
      }
      for (const path of paths) rmSync(path);
      yield* sink.addBooks(workspaceId, books);
      assert.deepStrictEqual(yield* sink.books(workspaceId), books);
    }),
  );

  it.effect("get what they lack, take what is given, and lose nothing", () =>
    Effect.gen(function* () {
      const { sink } = yield* filled();
      const before = yield* sink.books(workspaceId);
      const february = { ...partition, month: UsageMonth.plus(january, 1) };
      const given: Books.Books = {
        captures: [capture(2, { outcome: "failed", pages: 9 }), capture(7, { partition: february })],
        runs: [{ ...before.runs[0]!, exit: 0n, ended: 5 }, Run.toRow(run("c", 3))],
        workspaces: [{ ...before.workspaces[0]!, name: "Renamed" }],
        sources: [{ ...before.sources[0]!, id: "a" }],
      };
      yield* sink.addBooks(workspaceId, given);
      assert.deepStrictEqual(yield* sink.books(workspaceId), {
        captures: [before.captures[0]!, ...given.captures],
        runs: [given.runs[0]!, before.runs[1]!, given.runs[1]!],
        workspaces: given.workspaces,
        sources: [given.sources[0]!, before.sources[0]!],
      });
    }),
  );

  it.effect("are not written again when they would say the same", () =>
    Effect.gen(function* () {
      const { paths, sink } = yield* filled();
      // A file system gives the number of a file that is gone to the next one: the time tells, too.
      const files = () => paths.map((path) => [statSync(path).ino, statSync(path, { bigint: true }).mtimeNs]);
      const before = files();
      yield* sink.addBooks(workspaceId, yield* sink.books(workspaceId));
      yield* sink.saveNames({ ...names, seenAt: 2 });
      yield* sink.saveRun(run("a", 2));
      yield* sink.record(capture(2, { outcome: "failed" }));
      assert.deepStrictEqual(files(), before);
      yield* sink.addBooks("nobody", Books.empty);
      assert.deepStrictEqual(yield* sink.workspaceIds, [workspaceId]);
    }),
  );
});

it.effect("the workspaces are those that any table has something of", () =>
  Effect.gen(function* () {
    const { sink } = yield* opened();
    assert.deepStrictEqual(yield* sink.workspaceIds, []);
    yield* sink.saveRun({ ...run("a", 1), workspaceId: "z" });
    yield* sink.saveNames({ ...names, workspace: { ...names.workspace, id: "a/b" } });
    yield* sink.record(capture(1, { partition: { ...partition, workspaceId: "m" }, outcome: "failed" }));
    assert.deepStrictEqual(yield* sink.workspaceIds, ["a/b", "m", "z"]);
  }),
);

describe("the ledger", () => {
  it.effect("goes on although the file of another dataset cannot be read", () =>
    Effect.gen(function* () {
      const { data, ledger, sink } = yield* filled();
      for (const content of ["PAR1 and no more", "none of ours"]) {
        writeFileSync(data, content);
        const other = captured(3, 5, "workspace-mtu");
        yield* sink.replace(other);
        assert.strictEqual((yield* sink.read(other.capture.partition))?.capture.captureId, "capture-3");
        const next = yield* Effect.flip(sink.replace(captured(4)));
        assert.include(next.detail, data);
      }
      assert.deepStrictEqual(readdirSync(dirname(ledger)), ["data.parquet"]);
    }),
  );
});
