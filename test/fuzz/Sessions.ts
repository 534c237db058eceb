/**
 * Commands in one process for as long as it lives: the command that took it down, or hung, is named, and the next has a new one.
 */
import { assert } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Scope from "effect/Scope";
import { setTimeout } from "node:timers/promises";
import type { Environment } from "../../pipelines/test/Command.ts";
import { openSessionWith, type Session, type SessionEnded } from "../../pipelines/test/Session.ts";

export interface Sessions {
  readonly run: (args: ReadonlyArray<string>, env?: Environment, cwd?: string) => Promise<SessionEnded>;
  readonly close: () => Promise<void>;
}

/** Far more than any command takes. */
const patienceMs = 120_000;

/** `env`: of the process itself. */
export const makeSessions = (env: Environment = {}): Sessions => {
  let open: { readonly scope: Scope.Closeable; readonly session: Session } | undefined;
  const close = async (): Promise<void> => {
    const closing = open;
    open = undefined;
    if (closing !== undefined) await Effect.runPromise(Scope.close(closing.scope, Exit.void));
  };
  return {
    close,
    run: async (args, own, cwd) => {
      if (open === undefined) {
        const scope = Effect.runSync(Scope.make());
        open = { scope, session: await Effect.runPromise(Scope.provide(openSessionWith(env), scope)) };
      }
      const over = new AbortController();
      try {
        return await Promise.race([
          Effect.runPromise(open.session(args, own, cwd)),
          setTimeout(patienceMs, undefined, over).then(() => assert.fail(`did not end: ${args.join(" ")}`)),
        ]);
      } catch (error) {
        await close();
        throw error;
      } finally {
        over.abort();
      }
    },
  };
};
