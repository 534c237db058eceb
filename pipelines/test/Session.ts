/**
 * The command line in one process for many commands, one after the other: starting a process is most of what a small command
 * takes. The commands are the real ones, from their arguments to their exit codes; only the process around them stays.
 */
import { assert } from "@effect/vitest";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { bundleDirectory, isBundleFresh, sessionEntry } from "../scripts/BuiltProgram.js";
import { type Ended, type Environment, inherited } from "./Command.ts";

/** How a command ended, and all that it said. */
export type SessionEnded = Pick<Ended, "code" | "stdout" | "stderr">;

/** Runs one command to its end. `env`: what it has beside where programs lie; `cwd`: by default that of the command before. */
export type Session = (args: ReadonlyArray<string>, env?: Environment, cwd?: string) => Effect.Effect<SessionEnded>;

/** Built, where it is what the sources say: it starts, and starts its threads, several times faster. */
const program = isBundleFresh() ? resolve(bundleDirectory, "session.js") : sessionEntry;

/** The process ends with the scope. `processEnv`: what it has itself, for all commands. */
export const openSessionWith = (processEnv: Environment): Effect.Effect<Session, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() =>
        spawn(process.execPath, [program], {
          env: { ...inherited, ...processEnv },
          stdio: ["ignore", "ignore", "inherit", "ipc"],
        }),
      ),
      (child) =>
        Effect.promise(async () => {
          if (child.exitCode !== null || child.signalCode !== null) return;
          const gone = once(child, "exit");
          child.kill("SIGKILL");
          await gone;
        }),
    ),
    (child): Session =>
      (args, env = {}, cwd) =>
        Effect.promise(async () => {
          const over = new AbortController();
          const answer = Promise.race([
            once(child, "message", over),
            once(child, "exit", over).then(() => assert.fail(`the session ended within: ${args.join(" ")}`)),
          ]);
          child.send({ args, env, cwd });
          const [ended] = await answer.finally(() => over.abort());
          return ended as SessionEnded;
        }),
  );

export const openSession: Effect.Effect<Session, never, Scope.Scope> = openSessionWith({});
