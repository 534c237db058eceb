/**
 * A disk that is full: at whatever file it runs out, the run says so, loses nothing, and leaves nothing in the way of the next one.
 * Only root may mount a small disk; where that can't be, the limit on a file's size and `failingCalls.test.ts` stand for it.
 */
import { describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { execFileSync } from "node:child_process";
import { statfsSync } from "node:fs";
import { cp, mkdtemp, rmdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assertCode, segmeter, shell } from "../../pipelines/test/Command.ts";
import {
  assertMended,
  assertNothingLost,
  assertSays,
  backfill,
  emptyPlace,
  heldIn,
  heldPlace,
  share,
} from "./Setting.ts";

const { promise } = Effect;
const encoders = [[], ["--parquet-encoder", "duckdb"]] as const;
const room = /Free some space, then run the command again: what was committed is kept\.$/;

/** A run's end may be in the one sink and not in the other, until the next run levels them. */
const unended = ["parquet runs", "duckdb runs"];

/** A disk of so many KiB that is gone when the scope closes. */
const smallDisk = (kib: number): Effect.Effect<string, never, Scope.Scope> =>
  Effect.acquireRelease(
    promise(async () => {
      const disk = await mkdtemp(join(tmpdir(), "segmeter-disk-"));
      try {
        execFileSync("mount", ["-t", "tmpfs", "-o", `size=${kib}k`, "tmpfs", disk], { stdio: "pipe" });
      } catch (cause) {
        await rmdir(disk);
        throw cause;
      }
      return disk;
    }),
    (disk) =>
      promise(async () => {
        execFileSync("umount", [disk], { stdio: "pipe" });
        await rmdir(disk);
      }),
  );

const makeLarge = (disk: string): void =>
  void execFileSync("mount", ["-o", "remount,size=64m", disk], { stdio: "pipe" });

const canMount = await Effect.runPromise(
  Effect.scoped(smallDisk(16)).pipe(
    Effect.as(true),
    Effect.catchCause(() => Effect.succeed(false)),
  ),
);

/** Leaves so many KiB free. */
const fill = (disk: string, kib: number): void => {
  const { bfree, blocks, bsize } = statfsSync(disk);
  const size = (blocks - bfree) * bsize + kib * 1024;
  execFileSync("mount", ["-o", `remount,size=${size}`, disk], { stdio: "pipe" });
};

describe.skipIf(!canMount)("a disk that is really full", () => {
  /** At the lock, the database's first pages, its log, a Parquet file, the ledger; each over the page that it takes for itself. */
  const sizes = [4, 8, 12, 24, 64, 96, 128, 160];
  const fresh = share(
    sizes.flatMap((kib) => encoders.map((flags) => ({ kib, flags }))),
    2,
    13,
  );
  it.live.each(fresh)("of $kib KiB, at the first run $flags", ({ flags, kib }) =>
    Effect.gen(function* () {
      const place = yield* emptyPlace;
      const disk = yield* smallDisk(kib);
      const dataDir = join(disk, "data");
      const ended = yield* segmeter(backfill(dataDir, ...flags), { env: place.env });
      assertCode(ended, 1);
      assertSays(ended, room);
      makeLarge(disk);
      const held = yield* heldIn({ dataDir });
      yield* assertMended({ ...place, dataDir }, flags);
      assertNothingLost(held, yield* heldIn({ dataDir }), unended);
    }),
  );

  const headrooms = [0, 4, 8, 16, 24, 32, 48];
  const later = share(
    headrooms.flatMap((kib) => encoders.map((flags) => ({ kib, flags }))),
    5,
  );
  it.live.each(later)("with $kib KiB left, at the second night $flags", ({ flags, kib }) =>
    Effect.gen(function* () {
      const place = yield* heldPlace();
      const before = yield* heldIn(place);
      const disk = yield* smallDisk(64 * 1024);
      const dataDir = join(disk, "data");
      yield* promise(() => cp(place.dataDir, dataDir, { recursive: true }));
      fill(disk, kib);
      const ended = yield* segmeter(backfill(dataDir, ...flags), { env: place.env });
      assertCode(ended, 1);
      assertSays(ended, room);
      assertNothingLost(before, yield* heldIn({ dataDir }));
      makeLarge(disk);
      yield* assertMended({ ...place, dataDir }, flags);
    }),
  );
});

/** The limit meets DuckDB's own writes as it does Node's. */
describe("files that may not grow", () => {
  const limits = [0, 1, 4, 12, 36, 60].flatMap((kib) => encoders.map((flags) => ({ kib, flags })));
  it.live.each(share(limits, ...(canMount ? [10] : [3, 10])))(
    "beyond $kib KiB, at the first run $flags",
    ({ flags, kib }) =>
      Effect.gen(function* () {
        const place = yield* emptyPlace;
        const limited = `ulimit -f ${kib}; segmeter ${backfill('"$DATA"', ...flags).join(" ")}`;
        const ended = yield* shell(limited, { env: { ...place.env, DATA: place.dataDir } });
        assertCode(ended, 1);
        assertSays(ended, /too large.*\(ulimit -f\)/i);
        const held = yield* heldIn(place);
        yield* assertMended(place, flags);
        assertNothingLost(held, yield* heldIn(place), unended);
      }),
  );
});
