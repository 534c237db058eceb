/**
 * What is wrong is found and named; what another sink has is mended, and nothing is lost on the way.
 */
import { assert, describe, it } from "@effect/vitest";
import { type Fault, type MemorySink, Partition, type Sink, sinkError, type UsageRow } from "@segmeter/domain";
import * as Effect from "effect/Effect";
import { type Problem, repair, verify } from "../src/index.ts";
import { calls, captureInto, contentOf, earlierCalls, start } from "./Captures.ts";
import { captureOf, heldIn, memorySink, workspaceId } from "./Setting.ts";

/** Two sinks with the same two captures of one month, and one of another. */
const even = Effect.fnUntraced(function* () {
  const [parquet, duckdb] = [memorySink("parquet"), memorySink("duckdb")];
  yield* captureInto([parquet, duckdb], 1, [1n, 2n]);
  yield* captureInto([parquet, duckdb], 2, [1n, 3n]);
  yield* captureInto([parquet, duckdb], 3, [7n], earlierCalls);
  return { parquet, duckdb };
});

const kindsOf = (problems: ReadonlyArray<Problem>) => problems.map(({ kind }) => kind);

/** A sink that finds these faults in itself until they are cleared, or their partition replaced. */
const withFaults = (sink: MemorySink, faults: ReadonlyArray<Omit<Fault, "sink">>, unreadable = false): Sink => {
  const left = new Set(faults);
  const isSpoiled = (at: Partition.Partition) =>
    unreadable && [...left].some((fault) => fault.partition !== undefined && Partition.equals(fault.partition, at));
  return {
    ...sink,
    read: (at) => (isSpoiled(at) ? Effect.fail(sinkError("read", "Damaged", "It is torn.")) : sink.read(at)),
    replace: (captured, superseded) =>
      Effect.tap(sink.replace(captured, superseded), () =>
        Effect.sync(() => {
          for (const fault of left) {
            if (fault.partition !== undefined && Partition.equals(fault.partition, captured.capture.partition))
              left.delete(fault);
          }
        }),
      ),
    inspect: Effect.map(sink.inspect, (inspection) => ({
      ...inspection,
      held: inspection.held.filter(({ partition: at }) => !isSpoiled(at)),
      faults: [...left].map((fault): Fault => {
        const { clear, ...told } = fault;
        const cleared = clear && Effect.tap(clear, () => Effect.sync(() => left.delete(fault)));
        return { sink: sink.name, ...told, ...(cleared && { clear: cleared }) };
      }),
    })),
  };
};

describe("verify", () => {
  it.effect("finds nothing in sinks that are level, says what it looked at, and changes nothing", () =>
    Effect.gen(function* () {
      const { duckdb, parquet } = yield* even();
      const before = [contentOf(parquet), contentOf(duckdb)];
      const verified = yield* verify([parquet, duckdb]);
      assert.deepStrictEqual(verified.problems, []);
      assert.deepStrictEqual([verified.partitions, verified.rows], [2, 6]);
      assert.strictEqual(verified.held.get("duckdb")?.get(Partition.label(calls))?.captureId, "c2");
      assert.deepStrictEqual([contentOf(parquet), contentOf(duckdb)], before);
      assert.deepStrictEqual((yield* verify([parquet])).problems, []);
      assert.deepStrictEqual((yield* verify([])).problems, []);
    }),
  );

  it.effect("names a sink that lags, or lacks a partition, and not its books for that", () =>
    Effect.gen(function* () {
      const { duckdb, parquet } = yield* even();
      yield* captureInto([parquet], 4, [1n, 4n]);
      duckdb.partitions.delete(Partition.label(earlierCalls));
      duckdb.ledger.delete("c3");
      const { problems } = yield* verify([parquet, duckdb]);
      assert.deepStrictEqual(
        problems.map(({ kind, partition: at, sinks }) => [kind, at, sinks]),
        [
          ["lagging", calls, ["parquet", "duckdb"]],
          ["lagging", earlierCalls, ["parquet", "duckdb"]],
        ],
      );
      assert.include(problems[1]!.detail, "duckdb holds none");
    }),
  );

  it.effect("names rows and revisions that differ, in number or in one figure", () =>
    Effect.gen(function* () {
      const changes: ReadonlyArray<readonly [string, (sink: MemorySink) => void]> = [
        [
          "1 of 2 rows differ",
          (sink) => spoilRows(sink, ([row, ...rows]) => [{ ...row!, api_calls: 9n } as UsageRow, ...rows]),
        ],
        ["1 of 2 rows differ", (sink) => spoilRows(sink, ([row, ...rows]) => [{ ...row!, observed_at: 9 }, ...rows])],
        ["2 rows here, 1 there", (sink) => spoilRows(sink, (rows) => rows.slice(1))],
        ["1 revisions here, 0 there", (sink) => sink.superseded.set(Partition.label(calls), [])],
        [
          "1 of 1 revisions differ",
          (sink) => {
            const [revision] = sink.superseded.get(Partition.label(calls))!;
            sink.superseded.set(Partition.label(calls), [{ ...revision!, superseded_at: start + 1 }]);
          },
        ],
      ];
      for (const [detail, spoil] of changes) {
        const { duckdb, parquet } = yield* even();
        spoil(duckdb);
        const { problems } = yield* verify([parquet, duckdb]);
        assert.deepStrictEqual(kindsOf(problems), ["differing"], detail);
        assert.include(problems[0]!.detail, detail);
        assert.deepStrictEqual(problems[0]!.partition, calls);
      }
    }),
  );

  it.effect("names books that lack what another sink's have", () =>
    Effect.gen(function* () {
      const { duckdb, parquet } = yield* even();
      duckdb.ledger.delete("c1");
      yield* parquet.record(captureOf(earlierCalls, { captureId: "failure", outcome: "failed" }));
      yield* duckdb.saveNames({ workspace: { id: workspaceId, slug: "a", name: "A" }, sources: [], seenAt: 1 });
      const { problems } = yield* verify([parquet, duckdb]);
      assert.deepStrictEqual(
        problems.map(({ kind, sinks }) => [kind, sinks]),
        [
          ["differing", ["parquet"]],
          ["differing", ["duckdb"]],
        ],
      );
      assert.include(problems[0]!.detail, "1 of workspaces");
      assert.include(problems[1]!.detail, "2 of captures");
    }),
  );

  it.effect("tells a sink's own faults, and does not hold what is at fault against the others", () =>
    Effect.gen(function* () {
      const { duckdb, parquet } = yield* even();
      yield* captureInto([parquet], 4, [9n]);
      const spoiled = withFaults(duckdb, [{ kind: "altered", where: "there", detail: "It is not.", partition: calls }]);
      const { problems } = yield* verify([parquet, spoiled]);
      assert.deepStrictEqual(problems, [
        { sinks: ["duckdb"], kind: "altered", where: "there", detail: "It is not.", partition: calls },
      ]);
    }),
  );

  it.effect("does hold against the others what only has something left over", () =>
    Effect.gen(function* () {
      const { duckdb, parquet } = yield* even();
      yield* captureInto([parquet], 4, [9n]);
      const spoiled = withFaults(parquet, [{ kind: "pending", where: "here", detail: "Left.", partition: calls }]);
      assert.deepStrictEqual(kindsOf((yield* verify([spoiled, duckdb])).problems), ["pending", "lagging"]);
    }),
  );
});

const spoilRows = (sink: MemorySink, change: (rows: ReadonlyArray<UsageRow>) => ReadonlyArray<UsageRow>): void => {
  const { capture, rows } = heldIn(sink, calls)!;
  sink.partitions.set(Partition.label(calls), { capture, rows: change(rows) });
};

describe("a sink that is damaged as a whole", () => {
  it.effect("is a problem of its own, and the others are looked at all the same", () =>
    Effect.gen(function* () {
      const { duckdb, parquet } = yield* even();
      const torn = { ...duckdb, inspect: Effect.fail(sinkError("inspect", "Damaged", "A block is torn.")) };
      const { partitions, problems } = yield* verify([parquet, torn]);
      assert.deepStrictEqual(
        problems.map(({ detail, kind, sinks, where }) => [sinks, kind, where, detail]),
        [[["duckdb"], "unreadable", "the duckdb sink", "A block is torn."]],
      );
      assert.strictEqual(partitions, 2);
      const busy = { ...duckdb, inspect: Effect.fail(sinkError("inspect", "Busy", "Somebody has it.")) };
      assert.strictEqual((yield* Effect.flip(verify([parquet, busy]))).reason, "Busy");
    }),
  );
});

describe("repair", () => {
  for (const [title, hasDonor] of [
    ["and its place is filled from another sink", true],
    ["whether or not another sink has anything for its place", false],
  ] as const) {
    it.effect(`moves away what lies astray, once, ${title}`, () =>
      Effect.gen(function* () {
        const { duckdb, parquet } = yield* even();
        const nowhere = { ...calls, month: earlierCalls.month, workspaceId: "elsewhere" };
        let cleared = 0;
        const clear = Effect.sync(() => `Moved ${++cleared}.`);
        const fault = { kind: "astray", where: "here", detail: "It belongs elsewhere.", clear } as const;
        const sick = withFaults(parquet, [{ ...fault, partition: hasDonor ? calls : nowhere }]);
        if (hasDonor) parquet.partitions.delete(Partition.label(calls));
        const { actions, after } = yield* repair([sick, duckdb]);
        assert.strictEqual(cleared, 1);
        assert.strictEqual(actions[0], "Moved 1.");
        assert.deepStrictEqual(after.problems, []);
        assert.deepStrictEqual(heldIn(parquet, calls), heldIn(duckdb, calls));
      }),
    );
  }

  it.effect("has nothing to do where nothing is wrong", () =>
    Effect.gen(function* () {
      const { duckdb, parquet } = yield* even();
      const { actions, after, before } = yield* repair([parquet, duckdb]);
      assert.deepStrictEqual([actions, before.problems, after.problems], [[], [], []]);
    }),
  );

  it.effect("brings up what lags, with the whole history, whichever sink it is", () =>
    Effect.gen(function* () {
      for (const ahead of [0, 1]) {
        const { duckdb, parquet } = yield* even();
        const sinks = [parquet, duckdb];
        yield* captureInto([sinks[ahead]!], 4, [4n]);
        yield* captureInto([sinks[ahead]!], 5, [5n, 6n]);
        const { actions, after } = yield* repair(sinks);
        assert.deepStrictEqual(after.problems, []);
        assert.strictEqual(actions.length, 1);
        assert.include(actions[0]!, `brought up in ${sinks[1 - ahead]!.name}`);
        assert.deepStrictEqual(contentOf(duckdb), contentOf(parquet));
        assert.deepStrictEqual([...parquet.ledger.keys()], ["c1", "c2", "c3", "c4", "c5"]);
      }
    }),
  );

  it.effect("brings sinks that each captured alone to one history, and loses no capture", () =>
    Effect.gen(function* () {
      const { duckdb, parquet } = yield* even();
      yield* captureInto([parquet], 4, [4n]);
      yield* captureInto([duckdb], 5, [5n]);
      assert.deepStrictEqual((yield* repair([parquet, duckdb])).after.problems, []);
      assert.deepStrictEqual(contentOf(duckdb), contentOf(parquet));
      assert.sameMembers([...duckdb.ledger.keys()], ["c1", "c2", "c3", "c4", "c5"]);
    }),
  );

  it.effect("takes the first sink's word where the same capture differs, but not its gaps", () =>
    Effect.gen(function* () {
      const { duckdb, parquet } = yield* even();
      spoilRows(duckdb, ([row, ...rows]) => [{ ...row!, api_calls: 9n } as UsageRow, ...rows]);
      const { actions, after } = yield* repair([parquet, duckdb]);
      assert.deepStrictEqual(after.problems, []);
      assert.include(actions[0]!, "restored in duckdb from parquet");
      assert.deepStrictEqual(heldIn(duckdb, calls)!.rows, heldIn(parquet, calls)!.rows);

      // parquet never saw the first capture.
      parquet.superseded.set(Partition.label(calls), []);
      parquet.ledger.delete("c1");
      assert.deepStrictEqual((yield* repair([parquet, duckdb])).after.problems, []);
      assert.deepStrictEqual(contentOf(duckdb), contentOf(parquet));
      assert.strictEqual(parquet.superseded.get(Partition.label(calls))!.length, 1, "the revision is kept");
    }),
  );

  it.effect("mends a sink's own fault from one that has the partition intact, after putting it aside", () =>
    Effect.gen(function* () {
      for (const hurt of [0, 1]) {
        const { duckdb, parquet } = yield* even();
        const sinks: Array<Sink> = [parquet, duckdb];
        const stores = [parquet, duckdb];
        const done: Array<string> = [];
        const clear = Effect.sync(() => {
          done.push(heldIn(stores[hurt]!, calls)!.capture.captureId);
          stores[hurt]!.partitions.delete(Partition.label(calls));
          return "It was put aside.";
        });
        sinks[hurt] = withFaults(
          stores[hurt]!,
          [{ kind: "unreadable", where: "a file", detail: "It is torn.", partition: calls, clear }],
          true,
        );
        const { actions, after } = yield* repair(sinks);
        assert.deepStrictEqual(after.problems, []);
        assert.deepStrictEqual(done, ["c2"]);
        assert.strictEqual(actions[0], "It was put aside.");
        assert.include(actions[1]!, `restored in ${stores[hurt]!.name} from ${stores[1 - hurt]!.name}`);
        assert.deepStrictEqual(contentOf(duckdb), contentOf(parquet));
      }
    }),
  );

  it.effect("leaves what no other sink has intact, and puts nothing aside for it", () =>
    Effect.gen(function* () {
      const { duckdb, parquet } = yield* even();
      const clear = Effect.die("it was put aside");
      const fault = { kind: "altered", where: "a file", detail: "It differs.", partition: calls, clear } as const;
      const before = [contentOf(parquet), contentOf(duckdb)];
      for (const sinks of [
        [withFaults(parquet, [fault])],
        [withFaults(parquet, [fault]), memorySink("duckdb")],
        [withFaults(parquet, [fault]), withFaults(duckdb, [fault])],
      ]) {
        const { actions, after } = yield* repair(sinks);
        assert.deepStrictEqual(
          actions.filter((action) => action.includes("2024-01")),
          [],
        );
        assert.isTrue(kindsOf(after.problems).every((kind) => kind === "altered"));
      }
      assert.deepStrictEqual([contentOf(parquet), contentOf(duckdb)], before);
    }),
  );

  it.effect("does not overwrite what can be read with an older capture", () =>
    Effect.gen(function* () {
      const { duckdb, parquet } = yield* even();
      yield* captureInto([duckdb], 4, [1n, 4n]);
      const spoiled = withFaults(duckdb, [
        { kind: "inconsistent", where: "a table", detail: "It is odd.", partition: calls },
      ]);
      const { after } = yield* repair([parquet, spoiled]);
      assert.strictEqual(heldIn(duckdb, calls)?.capture.captureId, "c4");
      assert.deepStrictEqual(kindsOf(after.problems), ["inconsistent"]);
      // Put aside it is not lost.
      const clear = Effect.succeed("It was put aside.");
      const kept = withFaults(duckdb, [
        { kind: "altered", where: "a table", detail: "It is odd.", partition: calls, clear },
      ]);
      yield* repair([parquet, kept]);
      assert.strictEqual(heldIn(duckdb, calls)?.capture.captureId, "c2");
    }),
  );

  it.effect("sweeps what was left behind, with one sink too, and mends in the same go what it hid", () =>
    Effect.gen(function* () {
      const { duckdb, parquet } = yield* even();
      yield* captureInto([parquet], 4, [4n]);
      const left = [
        { kind: "leftover", where: "a.tmp", detail: "Left.", clear: Effect.succeed("Removed a.tmp.") },
        { kind: "pending", where: "b", detail: "Left.", partition: calls, clear: Effect.succeed("Removed b.") },
      ] as const;
      const { actions, after } = yield* repair([withFaults(parquet, left), duckdb]);
      assert.deepStrictEqual(actions.slice(0, 2), ["Removed a.tmp.", "Removed b."]);
      assert.deepStrictEqual(after.problems, []);
      assert.deepStrictEqual(contentOf(duckdb), contentOf(parquet));
      const alone = yield* repair([withFaults(parquet, left)]);
      assert.deepStrictEqual([alone.actions, alone.after.problems], [["Removed a.tmp.", "Removed b."], []]);
    }),
  );

  it.effect("sees what a change hid that was cut off, and mends that as well", () =>
    Effect.gen(function* () {
      const { duckdb, parquet } = yield* even();
      const whole = contentOf(duckdb);
      const about = { where: "file", partition: calls };
      const altered = withFaults(parquet, [{ ...about, kind: "altered", detail: "has other revisions" }], true);
      let isCutOff = true;
      const settled = Effect.sync(() => {
        isCutOff = false;
        return "Settled.";
      });
      const pending: Fault = { ...about, sink: "parquet", kind: "pending", detail: "was cut off", clear: settled };
      const inspectCutOff = Effect.map(parquet.inspect, (inspection) => ({ ...inspection, faults: [pending] }));
      const sink: Sink = { ...altered, inspect: Effect.suspend(() => (isCutOff ? inspectCutOff : altered.inspect)) };
      const { after, before } = yield* repair([sink, duckdb]);
      assert.includeMembers(kindsOf(before.problems), ["pending", "altered"]);
      assert.deepStrictEqual(after.problems, []);
      assert.deepStrictEqual([contentOf(parquet), contentOf(duckdb)], [whole, whole]);
    }),
  );

  it.effect("brings the books to one, runs, names and the ledger", () =>
    Effect.gen(function* () {
      const { duckdb, parquet } = yield* even();
      duckdb.ledger.delete("c1");
      yield* duckdb.saveNames({ workspace: { id: workspaceId, slug: "a", name: "A" }, sources: [], seenAt: 1 });
      yield* parquet.saveRun({ runId: "r", workspaceId, command: "x", arguments: {}, version: "1", started: 1 });
      const { actions, after } = yield* repair([parquet, duckdb]);
      assert.deepStrictEqual(after.problems, []);
      assert.deepStrictEqual(actions, [`The books of workspace ${workspaceId}: brought to one.`]);
      assert.deepStrictEqual(yield* duckdb.books(workspaceId), yield* parquet.books(workspaceId));
    }),
  );

  it.effect("puts unreadable books aside where another sink has them, and leaves those of a sink alone", () =>
    Effect.gen(function* () {
      const { duckdb, parquet } = yield* even();
      let isTorn = true;
      const books = () => (isTorn ? Effect.fail(sinkError("read books", "Damaged", "It is torn.")) : undefined);
      const clear = Effect.sync(() => {
        isTorn = false;
        parquet.ledger.clear();
        return "It was put aside.";
      });
      const torn: Sink = {
        ...parquet,
        books: (id) => books() ?? parquet.books(id),
        inspect: Effect.map(
          Effect.suspend(() => parquet.inspect),
          (inspection) => ({
            ...inspection,
            faults: isTorn ? [{ sink: "parquet", kind: "unreadable", where: "captures", detail: "Torn.", clear }] : [],
          }),
        ),
      };
      assert.deepStrictEqual(kindsOf((yield* repair([torn])).after.problems), ["unreadable"]);
      const { actions, after } = yield* repair([torn, duckdb]);
      assert.deepStrictEqual(after.problems, []);
      assert.strictEqual(actions[0], "It was put aside.");
      assert.deepStrictEqual(contentOf(parquet), contentOf(duckdb));
    }),
  );
});
