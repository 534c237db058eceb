/** The thread that `SinkThread` starts. */
import { enableCompileCache } from "node:module";
import { parentPort, workerData } from "node:worker_threads";
import type { Opening } from "./SinkThread.ts";

// A thread has none of its process's.
enableCompileCache();
const { serveSinks } = await import("./ServeSinks.ts");
await serveSinks(parentPort!, workerData as Opening);
