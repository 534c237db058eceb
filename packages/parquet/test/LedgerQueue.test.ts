import { assert, describe, it } from "@effect/vitest";
import type { SinkError } from "@segmeter/domain";
import { bookTables, type Capture, type Encoder, sinkError } from "@segmeter/domain";
import * as Deferred from "effect/Deferred";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Fiber from "effect/Fiber";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Commit, makeLedgerQueue, type Ready } from "../src/LedgerQueue.ts";
import { makeLocks } from "../src/Locks.ts";
import { parquetJsEncoder } from "../src/ParquetJsEncoder.ts";
import { fileOf } from "../src/ParquetLayout.ts";
import { ledgerOf, readLedger } from "../src/ParquetLedger.ts";
import { openParquetSink } from "../src/ParquetSink.ts";
import { capture, captured, january, workspaceId } from "./SinkSetting.ts";
import { mtuTable, temporaryDirectory } from "./Setting.ts";

const ready = (made: Capture.Capture, fields: Partial<Ready> = {}): Ready => ({
  of: ledgerOf(made.partition),
  entries: [made],
  place: Effect.void,
  isThere: Effect.succeed(false),
  ...fields,
});

/** `writes`: files that were encoded. `before`: what the first of them waits for. */
const opened = Effect.fn("opened")(function* (before: Effect.Effect<void> = Effect.void) {
  const dataDir = join(yield* temporaryDirectory, "data");
  const counted = { writes: 0 };
  const encoder: Encoder = {
    name: "parquetjs",
    encode: (request) =>
      Effect.suspend(() =>
        Effect.andThen(counted.writes++ === 0 ? before : Effect.void, parquetJsEncoder.encode(request)),
      ),
  };
  const commit = makeLedgerQueue(dataDir, encoder, makeLocks(), new Map());
  const entered = Effect.map(readLedger(dataDir), (captures) => captures.map(({ captureId }) => captureId));
  return { dataDir, commit, counted, entered };
});

const together = (commit: Commit, all: ReadonlyArray<Ready>) =>
  Effect.forEach(all, (one) => Effect.exit(commit(one)), { concurrency: "unbounded" });

const reasonOf = (exit: Exit.Exit<void, SinkError> | undefined): string | undefined =>
  exit === undefined || Exit.isSuccess(exit) ? undefined : String(exit.cause);

describe("captures of one month that are ready together", () => {
  it.effect("are all in the ledger, and it is written once for those that waited", () =>
    Effect.gen(function* () {
      const { commit, counted, entered } = yield* opened();
      const all = [1, 2, 3, 4, 5].map((time) => capture(time));
      const exits = yield* together(
        commit,
        all.map((one) => ready(one)),
      );
      assert.isTrue(exits.every(Exit.isSuccess));
      assert.deepStrictEqual(
        yield* entered,
        all.map(({ captureId }) => captureId),
      );
      assert.isAtMost(counted.writes, 3);
    }),
  );

  it.effect("do not share a failure: who could not be put in place is in no ledger, the others are", () =>
    Effect.gen(function* () {
      const { commit, entered } = yield* opened();
      const place = Effect.fail(sinkError("rename", "Full", "No space."));
      const [first, ...others] = yield* together(commit, [
        ready(capture(1), { place }),
        ready(capture(2)),
        // In its place, although that was not made to last.
        ready(capture(3), { place, isThere: Effect.succeed(true) }),
        ready(capture(4)),
      ]);
      assert.include(reasonOf(first), "No space.");
      assert.isUndefined(reasonOf(others[0]));
      assert.include(reasonOf(others[1]), "No space.");
      assert.deepStrictEqual(yield* entered, ["capture-2", "capture-3", "capture-4"]);
    }),
  );

  it.effect("keep one in the ledger that only a footer had, though another of them fails", () =>
    Effect.gen(function* () {
      const { commit, dataDir, entered } = yield* opened();
      const sink = yield* openParquetSink({ dataDir, encoder: parquetJsEncoder });
      yield* sink.replace({ ...captured(1), capture: capture(1) });
      rmSync(yield* fileOf(dataDir, bookTables.captures, workspaceId, january));
      // By the time that it is seen who failed, the footer tells of the next capture.
      const place = Effect.orDie(
        Effect.flatMap(fileOf(dataDir, mtuTable, workspaceId, january), (path) =>
          Effect.sync(() => rmSync(path, { force: true })),
        ),
      );
      const failing = Effect.fail(sinkError("rename", "Full", "No space."));
      yield* together(commit, [
        // By itself; the others wait for it, and are together then.
        ready(capture(2), { place: failing }),
        ready(capture(3), { place }),
        ready(capture(4), { place: failing }),
      ]);
      assert.deepStrictEqual(yield* entered, ["capture-1", "capture-3"]);
    }),
  );

  it.effect("are told of a ledger that cannot be put in its place, though they stand by their footers", () =>
    Effect.gen(function* () {
      const { commit, dataDir } = yield* opened();
      const path = yield* fileOf(dataDir, bookTables.captures, workspaceId, january);
      // Nothing is renamed over a directory; it comes when the ledger has been staged.
      const place = Effect.sync(() => {
        rmSync(path, { force: true });
        mkdirSync(path, { recursive: true });
      });
      const failing = Effect.fail(sinkError("rename", "Full", "No space."));
      const exits = yield* together(commit, [
        ready(capture(1)),
        ready(capture(2), { place }),
        ready(capture(3), { place: failing, isThere: Effect.succeed(true) }),
        ready(capture(4)),
      ]);
      const [second, third, fourth] = exits.slice(1).map(reasonOf);
      assert.include(second, `write ${path}`);
      assert.include(third, "No space.");
      assert.strictEqual(fourth, second);
    }),
  );

  it.effect("are none of them put in place where the ledger cannot be written", () =>
    Effect.gen(function* () {
      const { commit, dataDir } = yield* opened();
      const path = yield* fileOf(dataDir, bookTables.captures, workspaceId, january);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, "PAR1 and no more");
      let placed = 0;
      const place = Effect.sync(() => void placed++);
      const exits = yield* together(commit, [ready(capture(1), { place }), ready(capture(2), { place })]);
      for (const exit of exits) assert.include(reasonOf(exit), path);
      assert.strictEqual(placed, 0);
    }),
  );

  it.live("go on when the one that writes for them is interrupted, and so does one that is waited for", () =>
    Effect.gen(function* () {
      const reached = yield* Deferred.make<void>();
      const hanging = Effect.andThen(Deferred.succeed(reached, undefined), Effect.never);
      const { commit, entered } = yield* opened(hanging);
      const first = yield* Effect.forkChild(commit(ready(capture(1))));
      yield* Deferred.await(reached);
      const others = yield* Effect.forkChild(together(commit, [ready(capture(2)), ready(capture(3))]));
      const withdrawn = yield* Effect.forkChild(commit(ready(capture(4))));
      yield* Effect.yieldNow;
      yield* Fiber.interrupt(withdrawn);
      yield* Fiber.interrupt(first);
      const exits = yield* Fiber.join(others);
      assert.isTrue(exits.every(Exit.isSuccess));
      assert.deepStrictEqual(yield* entered, ["capture-2", "capture-3"]);
    }),
  );

  it.live("are put in place before an interruption is heeded, when their ledger is written", () =>
    Effect.gen(function* () {
      const { commit, entered } = yield* opened();
      const [reached, go] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()];
      let isPlaced = false;
      const place = Effect.gen(function* () {
        yield* Deferred.succeed(reached, undefined);
        yield* Deferred.await(go);
        isPlaced = true;
      });
      const fiber = yield* Effect.forkChild(commit(ready(capture(1), { place })));
      yield* Deferred.await(reached);
      const interrupted = yield* Effect.forkChild(Fiber.interrupt(fiber));
      yield* Effect.yieldNow;
      assert.isFalse(isPlaced);
      yield* Deferred.succeed(go, undefined);
      yield* Fiber.join(interrupted);
      assert.isTrue(isPlaced);
      assert.deepStrictEqual(yield* entered, ["capture-1"]);
    }),
  );
});
