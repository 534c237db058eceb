/**
 * A small data directory with a history, in both sinks: January of two sources, open, then corrected and settled, and an open
 * February. Made once for a file of tests, which work on copies.
 */
import { type Simulator, startSimulator } from "@segmeter/simulator";
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import type * as Scope from "effect/Scope";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { assertCode, type Environment, pointedAt, temporaryDirectory } from "./Command.ts";
import { contentsOf } from "./Held.ts";
import { openSession, type Session } from "./Session.ts";

/** When the last run was. */
const now = "2024-02-08T06:00:00Z";

export interface RevisedDirectory {
  readonly simulator: Simulator;
  readonly workspaceId: string;
  readonly dataDir: string;
  /** Of the last run. */
  readonly env: Environment;
  readonly run: Session;
  /** All rows of all tables, in either sink. */
  readonly contents: Awaited<ReturnType<typeof contentsOf>>;
}

export class Revised extends Context.Service<Revised, RevisedDirectory>()("test/Revised") {}

export const revised = Layer.effect(
  Revised,
  Effect.gen(function* () {
    const first = "2024-01-31T06:00:00Z";
    const simulator = yield* startSimulator({ now: first, workspaces: [{ sources: 2, from: "2024-01" }] });
    const workspaceId = simulator.workspaces[0]!.id;
    const dataDir = join(yield* temporaryDirectory, "data");
    const run = yield* openSession;
    assertCode(yield* run(["nightly", "--data-dir", dataDir], pointedAt(simulator, first)), 0);
    simulator.setNow(now);
    simulator.restate({ workspaceId, month: "2024-01", delta: 100, fromDay: 20 });
    const env = pointedAt(simulator, now);
    assertCode(yield* run(["nightly", "--data-dir", dataDir], env), 0);
    const contents = yield* Effect.promise(() => contentsOf(dataDir));
    return { simulator, workspaceId, dataDir, env, run, contents };
  }),
);

/** A copy of the directory, gone with the scope. */
export const copied: Effect.Effect<string, never, Revised | Scope.Scope> = Effect.gen(function* () {
  const { dataDir } = yield* Revised;
  const copy = join(yield* temporaryDirectory, "data");
  yield* Effect.promise(() => cp(dataDir, copy, { recursive: true }));
  return copy;
});
