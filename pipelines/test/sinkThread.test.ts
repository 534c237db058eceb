import { assert, describe, it } from "@effect/vitest";
import type { SinkError } from "@segmeter/domain";
import * as Effect from "effect/Effect";
import * as Fiber from "effect/Fiber";
import { partition, sample } from "../../test/contract/Samples.ts";
import { openSinkThread } from "../src/index.ts";

/** A thread that opens, and at the first call of a sink does what it is told. */
const thread = (atCall: string, atOpening = 'say({ _tag: "Opened", names: ["parquet"], notes: [] })'): URL =>
  new URL(
    `data:text/javascript,${encodeURIComponent(`
      import { parentPort } from "node:worker_threads";
      const say = (said) => parentPort.postMessage(said);
      parentPort.on("message", (message) => {
        for (const asked of message) {
          if (asked._tag === "Open") ${atOpening};
          else if (asked._tag === "Close") parentPort.close();
          else { ${atCall} }
        }
      });
    `)}`,
  );

const opened = (program: URL) =>
  Effect.flatten(openSinkThread({ dataDir: "/nowhere", names: ["parquet"], encoder: "parquetjs" }, "test", program));

/** What two calls of one sink end with, the second made when the first has ended. */
const twoCalls = (program: URL): Effect.Effect<ReadonlyArray<SinkError>, SinkError> =>
  Effect.scoped(
    Effect.gen(function* () {
      const [sink] = (yield* opened(program)).sinks;
      const first = yield* Effect.flip(sink!.books("w1"));
      for (let turn = 0; turn < 50; turn++) yield* Effect.promise(() => new Promise<void>(setImmediate));
      return [first, yield* Effect.flip(sink!.books("w1"))];
    }),
  ) as Effect.Effect<ReadonlyArray<SinkError>, SinkError>;

describe("a thread that dies", () => {
  const deaths = { "of an error": 'throw new Error("no memory is left")', "without a word": "process.exit(3)" };
  for (const [how, atCall] of Object.entries(deaths)) {
    it.live(`${how}, ends the calls that wait for it and those that come after, and closing waits for nobody`, () =>
      Effect.gen(function* () {
        for (const error of yield* twoCalls(thread(atCall))) {
          assert.strictEqual(error._tag, "SinkError");
          assert.strictEqual(error.reason, "Broken");
          assert.match(error.detail, /^The thread that writes (ended: Error: no memory is left|has ended)\.$/);
        }
      }),
    );
  }

  it.live("while it opens is told, too", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Effect.scoped(opened(thread("", "process.exit(1)"))));
      assert.strictEqual(error.reason, "Broken");
    }),
  );
});

describe("a call that is not answered when the sinks are closed", () => {
  it.live("is carried out first, also where it was asked for in the same turn", () =>
    Effect.gen(function* () {
      const answering = thread('say({ id: asked.id, _tag: "Done", value: asked.method })');
      const call = yield* Effect.scoped(
        Effect.gen(function* () {
          const { sinks } = yield* opened(answering);
          return yield* Effect.forkDetach(sinks[0]!.books("w1"), { startImmediately: true });
        }),
      );
      assert.deepEqual(yield* Fiber.join(call), "books" as never);
    }),
  );
});

describe("a partition that several sinks take", () => {
  /** Two sinks; a call of either is answered when both are there, and fails unless they came with the same rows. */
  const two: URL = new URL(
    `data:text/javascript,${encodeURIComponent(`
      import { parentPort } from "node:worker_threads";
      const say = (said) => parentPort.postMessage(said);
      parentPort.on("message", (asked) => {
        if (asked[0]._tag === "Open") return say({ _tag: "Opened", names: ["parquet", "duckdb"], notes: [] });
        if (asked[0]._tag === "Close") return parentPort.close();
        const [a, b] = asked;
        const isOne = asked.length === 2 && a.sink !== b.sink && a.args[0].rows === b.args[0].rows;
        for (const { id } of asked) say(isOne ? { id, _tag: "Done" } : { id, _tag: "Died", message: "handed over twice" });
      });
    `)}`,
  );

  it.live("is handed over once", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { sinks } = yield* opened(two);
        const captured = sample(partition("workspace-mtu", "2024-01"));
        yield* Effect.forEach(sinks, (sink) => sink.replace(captured), { concurrency: "unbounded" });
      }),
    ),
  );
});
