import { assert, describe, it } from "@effect/vitest";
import { type UsageRow, usageRowsOf, usageTableOf } from "@segmeter/domain";
import { Unavailable } from "@segmeter/segment";
import * as Effect from "effect/Effect";
import * as Result from "effect/Result";
import * as fc from "fast-check";
import { type FlowConfig, FlowError } from "../src/index.ts";
import { walk } from "../src/Walk.ts";
import {
  config,
  gatesOf,
  notFound,
  paged,
  partition,
  refusal,
  type Script,
  type ScriptedPage,
  scripted,
  sourceMtu,
  stage,
  walks,
  wireDays,
  wireMtu,
  workspaceMtu,
} from "./Setting.ts";

const lenient: FlowConfig = { ...config, gates: "warn" };

const walked = (
  script: Script,
  settings: FlowConfig = config,
  dataset: "workspace-mtu" | "source-mtu" = "workspace-mtu",
) => {
  const service = scripted(script);
  const { events, provide } = stage(service);
  const beginnings = () => service.requests.filter(({ cursor }) => cursor === undefined).length;
  const table = usageTableOf(partition(dataset));
  const byRow = Effect.map(walk(partition(dataset), settings), (kept) => ({
    ...kept,
    rows: usageRowsOf(table, kept.rows),
  }));
  return { service, events, beginnings, result: provide(byRow) };
};

const days = (count: number): ReadonlyArray<UsageRow> =>
  Array.from({ length: count }, (_, index) => workspaceMtu(index + 1));

const reasonOf = (error: unknown): string => {
  assert.instanceOf(error, FlowError);
  return error.reason;
};

describe("walk", () => {
  it.effect("keeps the first walk when it adds up", () =>
    Effect.gen(function* () {
      const { beginnings, events, result } = walked(walks(paged(wireDays(7), 3, 7)));
      const { pages, rows, warnings } = yield* result;
      assert.deepStrictEqual(rows, days(7));
      assert.strictEqual(pages, 3);
      assert.deepStrictEqual(warnings, []);
      assert.strictEqual(beginnings(), 1);
      assert.notInclude(
        events.map(({ _tag }) => _tag),
        "WalkDiscarded",
      );
    }),
  );

  it.effect("walks again, and says so, when the first walk does not add up", () =>
    Effect.gen(function* () {
      const { beginnings, events, result } = walked(walks(paged(wireDays(6), 3, 7), paged(wireDays(7), 3, 7)));
      const { pages, rows, warnings } = yield* result;
      assert.deepStrictEqual(rows, days(7));
      assert.strictEqual(pages, 3);
      assert.deepStrictEqual(gatesOf(warnings), ["walked-again"]);
      assert.include(warnings[0]!.message, "2 walks");
      assert.strictEqual(beginnings(), 2);
      const discarded = events.filter((event) => event._tag === "WalkDiscarded");
      assert.deepStrictEqual(
        discarded.map(({ why }) => why),
        ["The service speaks of 7 rows, and sent 6."],
      );
    }),
  );

  it.effect("walks again twice at most, then fails", () =>
    Effect.gen(function* () {
      const { beginnings, result } = walked(walks(paged(wireDays(6), 3, 7)));
      const error = yield* Effect.flip(result);
      assert.strictEqual(reasonOf(error), "TotalMismatch");
      assert.include(error.message, "3 walks");
      assert.include(error.message, "--gates warn");
      assert.strictEqual(beginnings(), 3);
    }),
  );

  it.effect("keeps the third walk when it adds up at last", () =>
    Effect.gen(function* () {
      const wrong = paged(wireDays(6), 3, 7);
      const { result } = walked(walks(wrong, wrong, paged(wireDays(7), 3, 7)));
      assert.deepStrictEqual((yield* result).rows, days(7));
    }),
  );

  it.effect("lets a total that stays wrong pass with --gates warn, after as many walks", () =>
    Effect.gen(function* () {
      const { beginnings, result } = walked(walks(paged(wireDays(6), 3, 7)), lenient);
      const { rows, warnings } = yield* result;
      assert.deepStrictEqual(rows, days(6));
      assert.deepStrictEqual(gatesOf(warnings), ["total-entries", "walked-again"]);
      assert.include(warnings[0]!.message, "7 rows, and sent 6");
      assert.strictEqual(beginnings(), 3);
    }),
  );

  it.effect("never takes a total that contradicts the rows for confirmed, though two walks are equal", () =>
    Effect.gen(function* () {
      const { result } = walked(walks(paged(wireDays(6), 3, 7)), { ...config, maxWalks: 5 });
      assert.strictEqual(reasonOf(yield* Effect.flip(result)), "TotalMismatch");
    }),
  );

  it.effect("does not walk again after what no walk can mend", () =>
    Effect.gen(function* () {
      const row = wireMtu(1);
      const scripts: ReadonlyArray<readonly [string, ReadonlyArray<ScriptedPage>]> = [
        ["ConflictingRows", [{ rows: [row, { ...row, identified: "6" }] }]],
        ["BadRow", [{ rows: [{ ...row, identified: "6.5" }] }]],
        ["OutsidePeriod", [{ rows: [{ ...row, timestamp: "2024-02-01T00:00:01Z" }] }]],
        ["RepeatedCursor", [{ rows: [row] }, { rows: [row], next: "page-2" }]],
      ];
      for (const [reason, pages] of scripts) {
        for (const gates of reason === "OutsidePeriod" ? [config] : [config, lenient]) {
          const { beginnings, result } = walked(walks(pages), gates);
          assert.strictEqual(reasonOf(yield* Effect.flip(result)), reason);
          assert.strictEqual(beginnings(), 1);
        }
      }
    }),
  );

  it.effect("leaves the client's failures as they are, also of a later walk", () =>
    Effect.gen(function* () {
      const unavailable = refusal(new Unavailable({ status: 503 }));
      assert.strictEqual(yield* Effect.flip(walked(walks([notFound])).result), notFound);
      const second = walked(walks(paged(wireDays(6), 3, 7), [unavailable]));
      assert.strictEqual(yield* Effect.flip(second.result), unavailable);
    }),
  );
});

describe("a walk without totals", () => {
  it.effect("that has a short page is walked again, and the whole one stands", () =>
    Effect.gen(function* () {
      const cut = [{ rows: wireDays(2), pageSize: 3 }, ...paged(wireDays(6).slice(3), 3)];
      const { beginnings, result } = walked(walks(cut, paged(wireDays(6), 3)));
      const { rows, warnings } = yield* result;
      assert.deepStrictEqual(rows, days(6));
      assert.deepStrictEqual(gatesOf(warnings), ["walked-again"]);
      assert.strictEqual(beginnings(), 2);
    }),
  );

  it.effect("whose pages are evenly smaller than asked for is confirmed by a second one", () =>
    Effect.gen(function* () {
      const clamped = paged(wireDays(7), 3).map((page) => ({ ...page, pageSize: 1_000 }));
      const { beginnings, result } = walked(walks(clamped));
      const { rows, warnings } = yield* result;
      assert.deepStrictEqual(rows, days(7));
      assert.deepStrictEqual(gatesOf(warnings), ["short-page", "walked-again"]);
      assert.strictEqual(beginnings(), 2);
    }),
  );

  it.effect("whose pages are evenly smaller is not confirmed by a different one", () =>
    Effect.gen(function* () {
      const clamped = (count: number) => paged(wireDays(count), 3).map((page) => ({ ...page, pageSize: 1_000 }));
      const { beginnings, result } = walked(walks(clamped(7), clamped(8), clamped(9)));
      assert.strictEqual(reasonOf(yield* Effect.flip(result)), "ShortPage");
      assert.strictEqual(beginnings(), 3);
    }),
  );

  it.effect("whose pages stay unevenly short fails, whatever the gates", () =>
    Effect.gen(function* () {
      const cut = [
        ...paged(wireDays(3), 3),
        { rows: wireDays(5).slice(3), pageSize: 3 },
        ...paged(wireDays(9).slice(6), 3),
      ];
      for (const gates of [config, lenient]) {
        const { beginnings, result } = walked(walks(cut), gates);
        assert.strictEqual(reasonOf(yield* Effect.flip(result)), "ShortPage");
        assert.strictEqual(beginnings(), 3);
      }
    }),
  );

  it.effect("that repeats a row is confirmed by a second one that repeats it too", () =>
    Effect.gen(function* () {
      const { beginnings, result } = walked(walks([{ rows: [wireMtu(1), wireMtu(1), wireMtu(2)] }]));
      const { rows, warnings } = yield* result;
      assert.deepStrictEqual(rows, days(2));
      assert.deepStrictEqual(gatesOf(warnings), ["total-entries", "repeated-row", "walked-again"]);
      assert.strictEqual(beginnings(), 2);
    }),
  );
});

/** A service whose rows change as its pages are read: the n-th request sees the n-th state, the last one stays. */
const changing = (states: ReadonlyArray<ReadonlyArray<unknown>>, pageSize: number, hasTotals: boolean): Script => {
  let requests = 0;
  return ({ cursor }) =>
    Effect.sync(() => {
      const rows = states[Math.min(requests++, states.length - 1)]!;
      const offset = cursor === undefined ? 0 : Number(cursor);
      const end = offset + pageSize;
      return {
        rows: rows.slice(offset, end),
        next: end < rows.length ? String(end) : undefined,
        totalEntries: hasTotals ? rows.length : undefined,
        pageSize,
      };
    });
};

/** Newest first, so that a day that arrives shifts all others. */
const newestFirst = (count: number): ReadonlyArray<unknown> => wireDays(count).toReversed();

describe("a service that changes while it is walked", () => {
  for (const hasTotals of [true, false]) {
    it.effect(`ends with the right rows when a day arrives, ${hasTotals ? "with" : "without"} totals`, () =>
      Effect.gen(function* () {
        const { beginnings, result } = walked(changing([newestFirst(6), newestFirst(7)], 3, hasTotals));
        const { rows, warnings } = yield* result;
        assert.deepStrictEqual(rows, days(7));
        assert.deepStrictEqual(gatesOf(warnings), ["walked-again"]);
        assert.strictEqual(beginnings(), 2);
      }),
    );
  }

  it.effect("is walked again when a row is withdrawn, so that the others shift and one is missed", () =>
    Effect.gen(function* () {
      const source = (index: number) => ({ ...wireMtu(1), sourceId: `s${String(index).padStart(2, "0")}` });
      const before = Array.from({ length: 63 }, (_, index) => source(index));
      const after = before.slice(1);
      const { events, result } = walked(changing([before, after], 50, true), config, "source-mtu");
      const { rows } = yield* result;
      assert.deepStrictEqual(
        rows,
        Array.from({ length: 62 }, (_, index) => sourceMtu(`s${String(index + 1).padStart(2, "0")}`, 1)),
      );
      const discarded = events.filter((event) => event._tag === "WalkDiscarded");
      assert.deepStrictEqual(
        discarded.map(({ why }) => why),
        ["The total changed during the walk: 63, then 62 rows."],
      );
    }),
  );

  it.effect("is given up when it changes in every walk, unless --gates warn takes it as it is", () =>
    Effect.gen(function* () {
      const script = () =>
        changing(
          Array.from({ length: 20 }, (_, index) => newestFirst(6 + index)),
          3,
          true,
        );
      const strict = walked(script());
      assert.strictEqual(reasonOf(yield* Effect.flip(strict.result)), "TotalMismatch");
      assert.strictEqual(strict.beginnings(), 3);
      const { warnings } = yield* walked(script(), lenient).result;
      assert.deepStrictEqual([...gatesOf(warnings)].sort(), ["repeated-row", "total-entries", "walked-again"]);
    }),
  );

  it("gives the rows as they were before or after one change, and nothing between, at any moment and place", async () => {
    const scenario = fc.record({
      count: fc.integer({ min: 1, max: 20 }),
      pageSize: fc.integer({ min: 1, max: 6 }),
      at: fc.nat({ max: 6 }),
      place: fc.nat(),
      isArrival: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(scenario, async ({ at, count, isArrival, pageSize, place }) => {
        const before = wireDays(count);
        const after = isArrival
          ? before.toSpliced(place % (count + 1), 0, wireMtu(31))
          : before.toSpliced(place % count, 1);
        const states = [...Array.from({ length: at }, () => before), after];
        const { result } = walked(changing(states, pageSize, true));
        const outcome = await Effect.runPromise(Effect.result(result));
        assert.isTrue(Result.isSuccess(outcome), "one change is survived");
        const found = Result.getOrThrow(outcome).rows.map(({ day }) => day);
        const daysOf = (rows: ReadonlyArray<unknown>) =>
          rows
            .map((row) => Date.parse((row as { readonly timestamp: string }).timestamp) / 86_400_000)
            .sort((a, b) => a - b);
        const allowed = [before, after].map((rows) => JSON.stringify(daysOf(rows)));
        assert.include(allowed, JSON.stringify(found));
      }),
    );
  });
});
