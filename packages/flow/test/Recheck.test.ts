import { assert, describe, it } from "@effect/vitest";
import type { UsageRow } from "@segmeter/domain";
import { Forbidden } from "@segmeter/segment";
import * as Effect from "effect/Effect";
import { recheck } from "../src/index.ts";
import {
  type Answer,
  config,
  instant,
  notFound,
  paged,
  partition,
  refusal,
  scripted,
  stage,
  walks,
  wireDays,
  wireMtu,
  workspaceMtu,
} from "./Setting.ts";

const of = partition("workspace-mtu");
const observed = { observed_at: instant("2024-02-20") };
const held: ReadonlyArray<UsageRow> = [1, 2, 3].map((day) => workspaceMtu(day, observed));

const against = (...answers: ReadonlyArray<Answer>) => {
  const { events, provide } = stage(scripted(walks(answers)));
  return { events, result: provide(recheck(of, held, config)) };
};

describe("recheck", () => {
  it.effect("finds nothing where the service says the same", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* against(...paged(wireDays(3), 2, 3)).result, {
        partition: of,
        added: 0,
        restatement: undefined,
      });
    }),
  );

  it.effect("counts rows that came, and takes them for no restatement", () =>
    Effect.gen(function* () {
      const { added, restatement } = yield* against(...paged(wireDays(5), 1_000, 5)).result;
      assert.deepStrictEqual([added, restatement], [2, undefined]);
    }),
  );

  it.effect("tells what is corrected and what is gone, beside what came", () =>
    Effect.gen(function* () {
      const rows = [wireMtu(1), wireMtu(2, { identified: "11" }), wireMtu(4)];
      const { added, restatement } = yield* against({ rows, totalEntries: 3 }).result;
      assert.strictEqual(added, 1);
      assert.deepStrictEqual([restatement!.corrected, restatement!.withdrawn], [1, 1]);
      assert.deepStrictEqual(
        restatement!.changes.map(({ after, before }) => [before, after]),
        [[33n, undefined]],
      );
    }),
  );

  for (const [what, answer] of [
    ["a month without rows", { rows: [], totalEntries: 0 }],
    ["a 404", notFound],
  ] as const) {
    it.effect(`takes ${what} for a month whose rows are all gone`, () =>
      Effect.gen(function* () {
        const { added, restatement } = yield* against(answer).result;
        assert.deepStrictEqual([added, restatement!.corrected, restatement!.withdrawn], [0, 0, 3]);
      }),
    );
  }

  it.effect("fails where the service does not answer, or contradicts itself", () =>
    Effect.gen(function* () {
      const refused = yield* Effect.flip(against(refusal(new Forbidden())).result);
      assert.strictEqual(refused._tag === "SegmentError" && refused.reason._tag, "Forbidden");
      const vanished = yield* Effect.flip(against({ rows: [wireMtu(1)] }, notFound).result);
      assert.strictEqual(vanished._tag === "FlowError" && vanished.reason, "Vanished");
    }),
  );
});
