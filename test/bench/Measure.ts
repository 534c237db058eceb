/** Runs a program, and says how long it took from its start to its end, and what memory it had at most. */
import * as Effect from "effect/Effect";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Answered, Service } from "./Pages.ts";

export interface Measured {
  /** Milliseconds from the start of the process to its end. */
  readonly ms: number;
  /** Bytes. */
  readonly rss: number;
  readonly calls: number;
  /** Calls that were answered with 429. */
  readonly refused: number;
  readonly answers: ReadonlyArray<Answered>;
  readonly stdout: string;
}

const fileOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const usage = pathToFileURL(fileOf("Usage.js")).href;

const root = fileOf("../../");

/** What Node is given for each: ours as `pnpm segmeter` starts it. */
export const programs = {
  segmeter: (JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Manifest).scripts.segmeter
    .split(" ")
    .slice(1)
    .map((word) => (word.startsWith("-") ? word : join(root, word))),
  floor: [fileOf("floor.ts")],
  sdk: [fileOf("sdkLoop.ts")],
  encode: [fileOf("encode.ts")],
};

interface Manifest {
  readonly scripts: { readonly segmeter: string };
}

/** `args` are given the directory that the program may write to; it is gone afterwards unless `dataDir` names one. */
export const measure = (
  program: keyof typeof programs,
  args: (dataDir: string) => ReadonlyArray<string>,
  service: Service,
  env: Readonly<Record<string, string>> = {},
  dataDir?: string,
): Effect.Effect<Measured> =>
  Effect.promise(async () => {
    const scratch = await mkdtemp(join(tmpdir(), "segmeter-bench-"));
    try {
      const before = service.requests.length;
      const report = join(scratch, "usage");
      const began = performance.now();
      const child = spawn(
        process.execPath,
        ["--import", usage, ...programs[program], ...args(dataDir ?? join(scratch, "data"))],
        {
          env: {
            PATH: process.env["PATH"],
            HOME: process.env["HOME"],
            BENCH_USAGE: report,
            SEGMENT_API_URL: service.url,
            SEGMENT_TOKEN: service.token,
            ...env,
          },
          stdio: ["ignore", "pipe", "pipe"],
        },
      );
      const said: { out: Array<Buffer>; err: Array<Buffer> } = { out: [], err: [] };
      child.stdout.on("data", (chunk: Buffer) => said.out.push(chunk));
      child.stderr.on("data", (chunk: Buffer) => said.err.push(chunk));
      const [code] = await once(child, "close");
      const ms = performance.now() - began;
      if (code !== 0) throw new Error(`${program} ended with ${code}: ${Buffer.concat(said.err).toString()}`);
      const requests = service.requests.slice(before);
      return {
        ms,
        rss: Number(await readFile(report, "utf8")),
        calls: requests.length,
        answers: requests,
        refused: requests.filter(({ status }) => status === 429).length,
        stdout: Buffer.concat(said.out).toString(),
      };
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  });
