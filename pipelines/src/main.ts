#!/usr/bin/env node
/**
 * The process: signals in, exit code out.
 */
import { enableCompileCache } from "node:module";
import { startEarly } from "./SinkWorker.ts";

enableCompileCache();
// As process 1 of a container it would miss a signal that comes before its handlers do.
const early = { SIGINT: () => process.exit(130), SIGTERM: () => process.exit(143) };
for (const [signal, end] of Object.entries(early)) process.once(signal, end);
// What is captured, and DuckDB's log beside it, is this user's alone.
process.umask(0o077);
// A guess: one that is not needed ends with the process.
const [command, ...flags] = process.argv.slice(2);
const isRun = command === "backfill" || command === "nightly";
if (isRun && !flags.some((flag) => ["--dry-run", "--help", "-h"].includes(flag))) startEarly();

const [{ main, withoutToken }, { exitCodes, interruption }, NodeRuntime, NodeServices, Cause, Effect, Exit] =
  await Promise.all([
    import("./cli/Main.ts"),
    import("./cli/ExitCode.ts"),
    import("@effect/platform-node/NodeRuntime"),
    import("@effect/platform-node/NodeServices"),
    import("effect/Cause"),
    import("effect/Effect"),
    import("effect/Exit"),
  ]);

process.once("SIGTERM", () => {
  interruption.code = exitCodes.terminated;
});
for (const [signal, end] of Object.entries(early)) process.off(signal, end);
// A reader may have seen enough, as `head` has: what is written for its own sake ends then, and a run goes on without a reader.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") process.exit(exitCodes.incomplete);
});

NodeRuntime.runMain(Effect.provide(main(process.argv.slice(2)), NodeServices.layer), {
  disableErrorReporting: true,
  teardown: (exit, end) => {
    if (Exit.isSuccess(exit)) return end(Number(exit.value));
    if (Cause.hasInterruptsOnly(exit.cause)) {
      process.stderr.write("segmeter: interrupted; what was committed is kept, and the next run goes on from there.\n");
      return end(interruption.code);
    }
    const [first = "unknown"] = String(Cause.squash(exit.cause)).split("\n");
    process.stderr.write(
      `segmeter: unexpected: ${withoutToken(first)}. Please report this; nothing that was committed is lost.\n`,
    );
    end(exitCodes.incomplete);
  },
});
