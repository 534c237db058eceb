/** Preloaded into what is measured: at its end it writes the most memory that it had, in bytes, to `BENCH_USAGE`. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";

const status = "/proc/self/status";

// What `getrusage` tells may be that of the process which this one was forked from.
const most = () =>
  (existsSync(status)
    ? Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(status, "utf8"))[1])
    : process.resourceUsage().maxRSS) * 1024;

process.on("exit", () => writeFileSync(process.env.BENCH_USAGE, String(most())));
