/** The thread that `SinkThread` has its sinks on. */
import { enableCompileCache } from "node:module";
import { parentPort } from "node:worker_threads";

// A thread has none of its process's.
enableCompileCache();
const { serveSinks } = await import("./ServeSinks.ts");
await serveSinks(parentPort!);
