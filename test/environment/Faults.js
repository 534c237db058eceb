/**
 * What a machine does to a program: preloaded into the real one (`node --import`), it spoils steps of its work on files, and sets
 * the clock. The program itself has no line for it.
 *
 * - `FAULT`: JSON, `{ at, nth, ever, fail | remove | jump }`
 *   - `at`: a pattern; a step is `<call> <path below the data directory>`, such as `rename parquet/…/data.parquet`
 *   - `nth`: the how many-eth such step it is, from 1; `ever`: all later ones, too
 *   - `fail`: the system's code, such as ENOSPC; `remove`: what vanishes just before the step, a path below the data directory
 *     (`*`: the step's own path); `jump`: by how many milliseconds the clock is set on just before the step, or back
 * - `FAULT_DIR`: the data directory; only what happens in it counts
 * - `CLOCK_OFFSET`: milliseconds that the clock is ahead from the start; `CLOCK_SPEED`: how many times as fast as others it goes,
 *   its timers too
 */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { relative, resolve } from "node:path";

const { CLOCK_OFFSET = "0", CLOCK_SPEED = "1", FAULT = "{}", FAULT_DIR = "." } = process.env;
const { at, ever = false, fail, jump = 0, nth = 1, remove } = JSON.parse(FAULT);
const directory = resolve(FAULT_DIR);
const pattern = new RegExp(at ?? "(?!)");
const { rmSync } = fs;
let steps = 0;

// --- the clock
let offset = Number(CLOCK_OFFSET);
const speed = Number(CLOCK_SPEED);
const realNow = Date.now;
const realMonotonic = performance.now.bind(performance);
const began = realNow();
Date.now = () => Math.floor(began + offset + (realNow() - began) * speed);
globalThis.Date = class extends Date {
  constructor(...args) {
    super(...(args.length === 0 ? [Date.now()] : args));
  }
};
performance.now = () => realMonotonic() * speed;
const { setTimeout: realTimeout } = globalThis;
globalThis.setTimeout = (call, ms = 0, ...args) => realTimeout(call, ms / speed, ...args);

// --- files
const spoil = (call, path) => {
  const name = relative(directory, String(path));
  if (name.startsWith("..") || !pattern.test(`${call} ${name}`)) return;
  steps++;
  if (steps !== nth && !(ever && steps > nth)) return;
  offset += jump;
  if (remove !== undefined)
    rmSync(remove === "*" ? path : resolve(directory, remove), { recursive: true, force: true });
  if (fail === undefined) return;
  throw Object.assign(new Error(`${fail}: made to fail, ${call}`), { code: fail, syscall: call });
};

const wrap = (owner, name, pathOf) => {
  const original = owner[name];
  owner[name] = async function (...args) {
    const path = pathOf.call(this, args);
    if (path !== undefined) spoil(name, path);
    return original.apply(this, args);
  };
};

const { promises } = fs;
const { open } = promises;
for (const name of ["rm", "rmdir", "mkdir", "chmod", "readdir", "readFile", "rename"])
  wrap(promises, name, ([path]) => path);
wrap(promises, "open", ([path]) => path);
const { open: spoiled } = promises;
const paths = new WeakMap();
promises.open = async (...args) => {
  const handle = await spoiled(...args);
  paths.set(handle, args[0]);
  return handle;
};
const probe = await open(import.meta.filename);
for (const name of ["write", "writeFile", "appendFile", "sync", "truncate", "chmod"]) {
  wrap(Object.getPrototypeOf(probe), name, function () {
    return paths.get(this);
  });
}
await probe.close();
syncBuiltinESMExports();
