/** Preloaded into what is measured: at its end it writes the most memory that it had, in bytes, to `BENCH_USAGE`. */
import { writeFileSync } from "node:fs";

process.on("exit", () => writeFileSync(process.env.BENCH_USAGE, String(process.resourceUsage().maxRSS * 1024)));
