#!/usr/bin/env node
/**
 * The process: signals in, exit code out.
 */
import { enableCompileCache } from "node:module";

enableCompileCache();

const [{ main, withoutToken }, { exitCodes }, NodeRuntime, NodeServices, Cause, Effect, Exit] = await Promise.all([
  import("./cli/Main.ts"),
  import("./cli/ExitCode.ts"),
  import("@effect/platform-node/NodeRuntime"),
  import("@effect/platform-node/NodeServices"),
  import("effect/Cause"),
  import("effect/Effect"),
  import("effect/Exit"),
]);

let interruptedWith: number = exitCodes.interrupted;
process.once("SIGTERM", () => {
  interruptedWith = exitCodes.terminated;
});
// A reader that has seen enough, such as `head`, is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  process.exit(error.code === "EPIPE" ? exitCodes.done : exitCodes.incomplete);
});

NodeRuntime.runMain(Effect.provide(main(process.argv.slice(2)), NodeServices.layer), {
  disableErrorReporting: true,
  teardown: (exit, end) => {
    if (Exit.isSuccess(exit)) return end(Number(exit.value));
    if (Cause.hasInterruptsOnly(exit.cause)) {
      process.stderr.write("segmeter: interrupted; what was committed is kept, and the next run goes on from there.\n");
      return end(interruptedWith);
    }
    const [first = "unknown"] = String(Cause.squash(exit.cause)).split("\n");
    process.stderr.write(`segmeter: unexpected: ${withoutToken(first)}. Please report this; nothing that was committed is lost.\n`);
    end(exitCodes.incomplete);
  },
});
