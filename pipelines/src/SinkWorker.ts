/**
 * Starts the thread of `SinkThread`. It needs nothing of the program, so that a process can do it before anything else: a thread takes
 * as long to start as the program takes to be read.
 */
import { Worker } from "node:worker_threads";

export interface SinkWorker {
  readonly worker: Worker;
  /** When the thread is gone: what ended it, or undefined. */
  readonly gone: Promise<unknown>;
}

/**
 * Columns and pages are outside of V8's heap; what is short-lived within it is little. It is what the `segmeter` script gives every
 * thread, for those who start the program without that: three times its `--max-semi-space-size`.
 */
const resourceLimits = { maxYoungGenerationSizeMb: 12 };

/** Beside this module, as a source or built. */
const threadProgram = new URL(
  import.meta.url.endsWith(".ts") ? "./SinkThreadMain.ts" : "./sinkThread.js",
  import.meta.url,
);

const start = (program: URL): SinkWorker => {
  const worker = new Worker(program, { resourceLimits });
  const gone = new Promise<unknown>((resolve) => {
    let cause: unknown;
    worker.on("error", (error) => (cause = error));
    worker.on("exit", () => resolve(cause));
  });
  return { worker, gone };
};

let early: SinkWorker | undefined;

/** For the one run of this process, should it come to that; by itself the thread keeps no process alive. */
export const startEarly = (): void => {
  early = start(threadProgram);
  early.worker.unref();
};

/** The thread that was started early, where there is one; else, and for another program than its own, a new one. */
export const takeWorker = (program = threadProgram): SinkWorker => {
  if (early === undefined || program !== threadProgram) return start(program);
  const taken = early;
  early = undefined;
  taken.worker.ref();
  return taken;
};
