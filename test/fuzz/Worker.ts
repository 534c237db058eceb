/**
 * A program in a process of its own that answers one message after the other, for what may take its process down: native code,
 * and damaged files.
 *
 * Guarantees: a case on which the process dies or does not come back is told from all others, and the next has a new process.
 */
import { assert } from "@effect/vitest";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type Environment, inherited } from "../../pipelines/test/Command.ts";

export interface Worker<In, Out> {
  /** Fails when the process dies or hangs. */
  readonly ask: (message: In) => Promise<Out>;
  readonly close: () => Promise<void>;
}

/** Far more than any case takes. */
const patienceMs = 120_000;

/** `program`: a module that answers each of its process's messages with one. */
export const makeWorker = <In extends object, Out>(
  program: URL,
  args: ReadonlyArray<string>,
  env: Environment = {},
): Worker<In, Out> => {
  let child: ChildProcess | undefined;
  const open = (): ChildProcess =>
    spawn(process.execPath, [fileURLToPath(program), ...args], {
      env: { ...inherited, ...env },
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
  const close = async (): Promise<void> => {
    const closing = child;
    child = undefined;
    if (closing === undefined || closing.exitCode !== null || closing.signalCode !== null) return;
    const gone = once(closing, "exit");
    closing.kill("SIGKILL");
    await gone;
  };
  return {
    close,
    ask: async (message) => {
      const asked = (child ??= open());
      const over = new AbortController();
      let said = "";
      const listen = (chunk: Buffer) => void (said += chunk.toString().slice(0, 10_000));
      asked.stderr!.on("data", listen);
      try {
        const answer = Promise.race([
          once(asked, "message", over),
          once(asked, "exit", over).then(([code, signal]) =>
            assert.fail(`the process ended with ${signal ?? code}: ${said}`),
          ),
          setTimeout(patienceMs, undefined, over).then(() => assert.fail(`no answer in ${patienceMs} ms`)),
        ]);
        asked.send(message);
        const [answered] = await answer;
        return answered as Out;
      } catch (error) {
        await close();
        throw error;
      } finally {
        over.abort();
        asked.stderr!.off("data", listen);
      }
    },
  };
};
