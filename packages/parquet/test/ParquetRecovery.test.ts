import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { assert, describe, it } from "@effect/vitest";
import { bookTables, type Capture } from "@segmeter/domain";
import * as Effect from "effect/Effect";
import { parquetJsEncoder } from "../src/ParquetJsEncoder.ts";
import { readEntries } from "../src/ParquetLedger.ts";
import { fingerprintOf } from "../src/ParquetFooter.ts";
import { recover } from "../src/ParquetRecovery.ts";
import { heldFingerprint } from "../src/ParquetRevisions.ts";
import { keepPrevious } from "../src/PreviousRevisions.ts";
import {
  after,
  behind,
  capture,
  captured,
  contents,
  full,
  january,
  markBeside,
  opened,
  partition,
  revision,
  revisionsTable,
  steps,
  version,
  workspaceId,
} from "./SinkSetting.ts";

const nothing = { removed: [], rolledBack: [] };

describe("a process that was killed in the middle of a replace", () => {
  /** The files before and after a capture that changes revisions, and what lies there from one rename to the next. */
  const moments = Effect.fn("moments")(function* (
    from: 1 | 2,
    superseded: Capture.Superseded,
    given: Capture.CapturedPartition,
  ) {
    const setting = yield* after(from);
    const { data, dataDir, revisions } = setting;
    const old = contents(dataDir);
    yield* setting.sink.replace(given, superseded);
    const next = contents(dataDir);
    const fingerprint = (yield* heldFingerprint(dataDir, partition))!;
    /** All files as they were at one time, or one of them. */
    const restore = (files: Record<string, string>, paths = Object.keys({ ...old, ...next })): void => {
      for (const path of paths) {
        // A new file each time, as by a rename: what was kept may be another name of the old one.
        rmSync(path, { force: true });
        if (files[path] !== undefined) writeFileSync(path, files[path], "latin1");
      }
    };
    restore(old);
    mkdirSync(dirname(revisions), { recursive: true });
    const all = [
      ["nothing was renamed yet", () => {}, old],
      ["the revisions were in place", () => restore(next, [revisions]), old],
      ["the usage file was in place", () => restore(next, [data]), next],
    ] as const;
    return { ...setting, all, fingerprint };
  });

  const cases = [
    ["with further revisions", 2, steps[2].superseded],
    ["with the first revisions", 1, steps[1].superseded],
    ["with other revisions", 2, { since: 0, revisions: [revision(3, 1, 2), revision(2, 1, 3)], captures: [] }],
    ["with older revisions than the held capture", 1, { since: 0, revisions: [revision(3, 0, 1)], captures: [] }],
    ["with no revisions any more", 2, { since: 0, revisions: [], captures: [] }],
    [
      "of the same capture, with more of a history, as when it is levelled with another sink",
      2,
      { since: 0, revisions: [revision(1, 0, 1), revision(1, 1, 2)], captures: [capture(0)] },
      steps[1].captured,
    ],
  ] as const;
  for (const [title, from, superseded, given = steps[from].captured] of cases) {
    it.effect(`${title} leaves, once recovered, the old capture or the new one`, () =>
      Effect.gen(function* () {
        const { all, data, dataDir, fingerprint, revisions } = yield* moments(from, superseded, given);
        yield* keepPrevious(revisions, fingerprint);
        for (const [moment, move, expected] of all) {
          move();
          const copy = `${dataDir}-copy`;
          cpSync(dataDir, copy, { recursive: true });
          yield* recover(copy, parquetJsEncoder);
          const found = contents(copy);
          for (const path of [data, revisions]) {
            assert.strictEqual(found[path.replace(dataDir, copy)], expected[path], `${moment}: ${path}`);
          }
          const names = Object.keys(expected).map((path) => path.replace(dataDir, copy));
          assert.sameMembers(Object.keys(found), names);
          assert.deepStrictEqual(yield* recover(copy, parquetJsEncoder), nothing);
          rmSync(copy, { recursive: true });
        }
      }),
    );
  }

  it.effect("is recovered as well where links were not to be had, and when it was killed before anything changed", () =>
    Effect.gen(function* () {
      const { dataDir, revisions } = yield* after(2);
      const before = contents(dataDir);
      yield* keepPrevious(revisions, fingerprintOf({}));
      assert.lengthOf(readdirSync(dirname(revisions)), 2);
      yield* recover(dataDir, parquetJsEncoder);
      assert.deepStrictEqual(contents(dataDir), before);
    }),
  );
});

it.effect("revisions that could not be put back at once are, before the next capture of the run builds on them", () =>
  Effect.gen(function* () {
    const { dataDir, revisions, sink } = yield* after(2);
    yield* keepPrevious(revisions, fingerprintOf({}));
    yield* sink.replace(steps[2].captured, steps[2].superseded);
    assert.deepStrictEqual(yield* recover(dataDir, parquetJsEncoder), nothing);
    assert.deepStrictEqual(yield* sink.revisions(partition), [revision(1, 1, 2), revision(2, 1, 3)]);
  }),
);

describe("recovering", () => {
  it.effect("tells the ledger of a capture that was committed just before the kill", () =>
    Effect.gen(function* () {
      const { complete, dataDir, ledger, old } = yield* behind;
      // Without a ledger file on its way there is nothing to be told.
      assert.deepStrictEqual(yield* recover(dataDir, parquetJsEncoder), nothing);
      assert.deepStrictEqual(readFileSync(ledger), old);
      const left = markBeside(ledger);
      writeFileSync(left, complete[ledger]!, "latin1");
      assert.deepStrictEqual(yield* recover(dataDir, parquetJsEncoder), { removed: [left], rolledBack: [] });
      assert.deepStrictEqual(contents(dataDir), complete);
    }),
  );

  it.effect("tells it as well of the captures that led to that one, which no footer has", () =>
    Effect.gen(function* () {
      const { dataDir, ledger, sink } = yield* opened();
      const captures = [capture(1), capture(2)];
      yield* sink.replace(steps[2].captured, { since: 0, revisions: [revision(1, 1, 2)], captures });
      const complete = contents(dataDir);
      renameSync(ledger, markBeside(ledger));
      yield* recover(dataDir, parquetJsEncoder);
      assert.deepStrictEqual(contents(dataDir), complete);
    }),
  );

  const uncommitted = [
    ["a capture", captured(3), undefined],
    ["those of a history of the same capture", steps[1].captured, { since: 0, revisions: [], captures: [capture(0)] }],
  ] as const;
  for (const [title, given, superseded] of uncommitted) {
    it.effect(`does not tell it of what was not committed: ${title}`, () =>
      Effect.gen(function* () {
        const { dataDir, ledger, sink } = yield* after(2);
        const before = contents(dataDir);
        yield* sink.replace(given, superseded);
        const mark = readFileSync(ledger);
        for (const path of Object.keys(before)) writeFileSync(path, before[path]!, "latin1");
        writeFileSync(markBeside(ledger), mark);
        yield* recover(dataDir, parquetJsEncoder);
        assert.deepStrictEqual(contents(dataDir), before);
      }),
    );
  }

  it.effect("makes no ledger where there is nothing to tell", () =>
    Effect.gen(function* () {
      const { dataDir, ledger } = yield* after(1);
      renameSync(ledger, markBeside(ledger));
      for (const path of Object.keys(contents(dataDir))) if (path !== markBeside(ledger)) rmSync(path);
      yield* recover(dataDir, parquetJsEncoder);
      assert.deepStrictEqual(contents(dataDir), {});
    }),
  );

  it.effect("leaves what tells of a ledger that cannot be read, until it can be", () =>
    Effect.gen(function* () {
      const { complete, dataDir, ledger, old } = yield* behind;
      writeFileSync(markBeside(ledger), complete[ledger]!, "latin1");
      writeFileSync(ledger, "PAR1");
      assert.deepStrictEqual(yield* recover(dataDir, parquetJsEncoder), nothing);
      writeFileSync(ledger, old);
      assert.deepStrictEqual((yield* recover(dataDir, parquetJsEncoder)).removed, [markBeside(ledger)]);
      assert.deepStrictEqual(contents(dataDir), complete);
    }),
  );

  it.effect("tells it as well when nobody could tell whether the usage file was in its place", () =>
    Effect.gen(function* () {
      let placed: string | undefined;
      const { data, dataDir, ledger, sink } = yield* opened({
        name: "parquetjs",
        encode: (request) =>
          Effect.tap(parquetJsEncoder.encode(request), () =>
            Effect.sync(() => {
              if (request.table !== bookTables.captures) return;
              const [staged] = readdirSync(dirname(data));
              placed = readFileSync(join(dirname(data), staged!), "latin1");
              // Nothing is renamed over a directory, nor is one read; it comes when everything has been staged.
              mkdirSync(data);
            }),
          ),
      });
      yield* Effect.flip(sink.replace(captured(1)));
      rmdirSync(data);
      // As if the rename had come to pass, and the disk had failed just after.
      writeFileSync(data, placed!, "latin1");
      assert.isFalse(existsSync(ledger));
      yield* recover(dataDir, parquetJsEncoder);
      const entries = yield* readEntries({ path: ledger, workspaceId, month: january });
      assert.deepStrictEqual(entries, [captured(1).capture]);
    }),
  );

  it.effect("tells it still when it was cut off itself before that", () =>
    Effect.gen(function* () {
      const { complete, data, dataDir, ledger } = yield* behind;
      for (const path of [data, ledger]) writeFileSync(markBeside(path), "half");
      assert.strictEqual((yield* Effect.flip(recover(dataDir, full))).reason, "Full");
      // What takes up space is gone, and what tells of the ledger is not.
      assert.deepStrictEqual([data, ledger].map(markBeside).map(existsSync), [false, true]);
      yield* recover(dataDir, parquetJsEncoder);
      assert.deepStrictEqual(contents(dataDir), complete);
    }),
  );

  it.effect(
    "tells it as well when the ledger could not be put in its place; else the next capture of the month does",
    () =>
      Effect.gen(function* () {
        let isBlocked = false;
        const aside = (path: string) => `${path}.aside`;
        const { dataDir, ledger, sink } = yield* opened({
          name: "parquetjs",
          encode: (request) =>
            Effect.tap(parquetJsEncoder.encode(request), () =>
              Effect.sync(() => {
                if (!isBlocked || request.table !== bookTables.captures) return;
                renameSync(ledger, aside(ledger));
                // Nothing is renamed over a directory.
                mkdirSync(ledger);
              }),
            ),
        });
        const datasetsIn = (directory: string) =>
          Effect.map(
            readEntries({ path: ledger.replace(dataDir, directory), workspaceId, month: january }),
            (entries) => entries.map((entry) => entry.partition.dataset),
          );
        yield* sink.replace(captured(1));
        isBlocked = true;
        assert.strictEqual((yield* Effect.flip(sink.replace(captured(2, 5, "workspace-mtu")))).reason, "Foreign");
        isBlocked = false;
        rmdirSync(ledger);
        renameSync(aside(ledger), ledger);
        assert.deepStrictEqual(yield* datasetsIn(dataDir), ["source-mtu"]);

        const copy = `${dataDir}-copy`;
        cpSync(dataDir, copy, { recursive: true });
        assert.lengthOf((yield* recover(copy, parquetJsEncoder)).removed, 1);
        assert.deepStrictEqual(yield* datasetsIn(copy), ["source-mtu", "workspace-mtu"]);

        yield* sink.replace(captured(3));
        assert.deepStrictEqual(yield* datasetsIn(dataDir), ["source-mtu", "workspace-mtu", "source-mtu"]);
      }),
  );

  it.effect("takes pending revisions away, and leaves the others", () =>
    Effect.gen(function* () {
      const { data, dataDir, revisions, sink } = yield* after(2);
      const [held, before] = [readFileSync(data), readFileSync(revisions)];
      yield* sink.replace(steps[2].captured, steps[2].superseded);
      writeFileSync(data, held);
      assert.deepStrictEqual(yield* recover(dataDir, parquetJsEncoder), { removed: [], rolledBack: [revisions] });
      assert.deepStrictEqual(readFileSync(revisions), before);
      assert.deepStrictEqual(yield* recover(dataDir, parquetJsEncoder), nothing);
      assert.deepStrictEqual(yield* sink.revisions(partition), [revision(1, 1, 2)]);
    }),
  );

  it.effect("removes the file when all are pending", () =>
    Effect.gen(function* () {
      const { data, dataDir, revisions, sink } = yield* after(1);
      const held = readFileSync(data);
      yield* sink.replace(steps[1].captured, steps[1].superseded);
      writeFileSync(data, held);
      assert.deepStrictEqual((yield* recover(dataDir, parquetJsEncoder)).rolledBack, [revisions]);
      assert.deepStrictEqual(readdirSync(dirname(revisions)), []);
      assert.isFalse(existsSync(join(dataDir, "damaged")));
    }),
  );

  it.effect("takes revisions out of the tree that nothing knows of, and destroys none", () =>
    Effect.gen(function* () {
      const { data, dataDir, ledger, revisions } = yield* after(3);
      const content = readFileSync(revisions, "latin1");
      rmSync(data);
      rmSync(ledger);
      assert.deepStrictEqual((yield* recover(dataDir, parquetJsEncoder)).rolledBack, [revisions]);
      const [path, ...more] = Object.keys(contents(dataDir));
      assert.deepStrictEqual(more, []);
      assert.include(path!, join(dataDir, "damaged", revisionsTable.name, "workspace_id=w", "usage_month=2024-01-01"));
      assert.strictEqual(readFileSync(path!, "latin1"), content);
    }),
  );

  it.effect("leaves revisions of a usage file that somebody took away: they stand again when it is captured", () =>
    Effect.gen(function* () {
      const { data, dataDir, sink } = yield* after(3);
      rmSync(data);
      assert.deepStrictEqual(yield* recover(dataDir, parquetJsEncoder), nothing);
      yield* sink.replace({ capture: capture(4), rows: [version(0, 4)] });
      assert.deepStrictEqual(yield* sink.revisions(partition), [revision(1, 1, 2), revision(2, 1, 3)]);
    }),
  );

  it.effect("reads footers alone, and is not stopped by what it cannot read", () =>
    Effect.gen(function* () {
      const { data, dataDir, ledger, revisions } = yield* after(3);
      const whole = readFileSync(revisions);
      for (const path of [revisions, data]) {
        const bytes = readFileSync(path);
        writeFileSync(path, "PAR1");
        assert.deepStrictEqual(yield* recover(dataDir, parquetJsEncoder), nothing);
        writeFileSync(path, bytes);
      }
      rmSync(data);
      writeFileSync(ledger, "PAR1");
      assert.deepStrictEqual(yield* recover(dataDir, parquetJsEncoder), nothing);
      assert.deepStrictEqual(readFileSync(revisions), whole);
    }),
  );

  it.effect("sweeps temporary files", () =>
    Effect.gen(function* () {
      const { data, dataDir } = yield* after(1);
      const left = markBeside(data);
      writeFileSync(left, "half");
      assert.deepStrictEqual(yield* recover(dataDir, parquetJsEncoder), { removed: [left], rolledBack: [] });
    }),
  );
});
