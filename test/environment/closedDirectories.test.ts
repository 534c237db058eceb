/**
 * What may not be written to, or not be read: a whole file system that is read-only, a directory, a file; as root, whom no
 * permission binds, and as a user whom they do.
 */
import { assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import { execFileSync } from "node:child_process";
import { chmod, chown, readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { assertCode, assertNoStack, segmeter, startProgram } from "../../pipelines/test/Command.ts";
import { filesBelow, fingerprint } from "../../pipelines/test/Held.ts";
import {
  assertFails,
  assertMended,
  assertNothingLost,
  assertSays,
  assertWhole,
  backfill,
  copyOf,
  heldIn,
  heldPlace,
  type Place,
  share,
  spoiledRun,
} from "./Setting.ts";

const { promise } = Effect;
const isRoot = process.getuid?.() === 0;
const nobody = 65_534;

const quietly = (program: string, ...args: ReadonlyArray<string>): boolean => {
  try {
    execFileSync(program, args, { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
};

/** The directory on a mount of its own that takes no writes, until the scope closes; false where that can't be had. */
const readOnly = (dataDir: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      if (!quietly("mount", "--bind", dataDir, dataDir)) return false;
      return quietly("mount", "-o", "remount,ro,bind", dataDir);
    }),
    () => Effect.sync(() => quietly("umount", dataDir)),
  );

const entry = fileURLToPath(new URL("../../pipelines/scripts/segmeter.js", import.meta.url));

/** The command as a user whom permissions bind: this one, or nobody in root's place. */
const asUser = ({ dataDir, env }: Place, args: ReadonlyArray<string>) =>
  Effect.scoped(
    Effect.flatMap(
      isRoot
        ? startProgram(
            "setpriv",
            ["--reuid", String(nobody), "--regid", String(nobody), "--clear-groups", process.execPath, entry, ...args],
            { env, cwd: dirname(dataDir) },
          )
        : startProgram(process.execPath, [entry, ...args], { env }),
      ({ ended }) => ended,
    ),
  );

/** Hands the directory, and the one that it is in, to the user of {@link asUser}. */
const handOver = Effect.fnUntraced(function* ({ dataDir }: Place) {
  if (!isRoot) return;
  const names = yield* promise(() => readdir(dataDir, { recursive: true }));
  for (const path of [dirname(dataDir), dataDir, ...names.map((name) => join(dataDir, name))]) {
    yield* promise(() => chown(path, nobody, nobody));
  }
});

const noOtherUser = (): boolean => isRoot && !quietly("setpriv", "--version");

const takeBack = ({ dataDir }: Place): void => void quietly("chown", "-R", "0:0", dataDir);

describe("a data directory that cannot be written to", () => {
  it.live("is read, and told of; nothing in it is touched", ({ skip }) =>
    Effect.gen(function* () {
      const place = yield* heldPlace();
      const { dataDir, env } = place;
      if (!(yield* readOnly(dataDir))) return skip("only root may mount; the calls that fail stand for it below");
      const before = yield* promise(() => fingerprint(dataDir));
      for (const args of [backfill(dataDir), ["rebuild", "--data-dir", dataDir]]) {
        const ended = yield* segmeter(args, { env });
        assertCode(ended, 2);
        assertSays(ended, /(EROFS|Read-only).*Choose a directory that this user may write to/);
      }
      const verified = yield* segmeter(["verify", "--data-dir", dataDir]);
      assertCode(verified, 0);
      assert.match(verified.stderr, /cannot be written to, and so not be locked/);
      assertCode(yield* segmeter(["status", "--data-dir", dataDir]), 0);
      for (const sink of ["duckdb", "parquet"]) {
        assertCode(yield* segmeter(["query", "FROM captures", "--sink", sink, "--data-dir", dataDir]), 0);
      }
      assert.deepStrictEqual(yield* promise(() => fingerprint(dataDir)), before);
    }),
  );

  it.live("by what its calls are told: wherever that comes, nothing is lost", () =>
    Effect.gen(function* () {
      const held = yield* heldPlace();
      const before = yield* heldIn(held);
      const faults = [
        { at: "^open .lock", ever: true, fail: "EROFS" },
        { at: "^(mkdir|open|rename) parquet/.*usage_month=2024-03.*tmp$", ever: true, fail: "EACCES" },
        { at: "^rename parquet/captures", ever: true, fail: "EROFS" },
      ];
      for (const fault of share(faults, 1)) {
        const place = yield* copyOf(held);
        const ended = yield* spoiledRun(place, fault);
        assertCode(ended, 2);
        assertFails(ended, /Choose a directory that this user may write to/);
        assertNothingLost(before, yield* heldIn(place));
        yield* assertMended(place);
      }
    }),
  );
});

describe("a part that this user may not enter", () => {
  const parts: ReadonlyArray<{ readonly name: string; readonly part: string; readonly mode: number }> = [
    { name: "the data directory", part: ".", mode: 0o500 },
    { name: "a table's directory", part: "parquet/source_mtu_daily/W", mode: 0o500 },
    { name: "a partition", part: "parquet/workspace_mtu_daily/W/usage_month=2024-02-01", mode: 0o500 },
    { name: "a partition that may not be looked into", part: "parquet/captures/W/usage_month=2024-02-01", mode: 0 },
    { name: "the database", part: "segmeter.duckdb", mode: 0o400 },
    {
      name: "a Parquet file that may not be read",
      part: "parquet/source_mtu_daily/W/usage_month=2024-01-01/data.parquet",
      mode: 0,
    },
  ];
  it.live("is no hindrance where nothing has to be made in it: what lies below is open", ({ skip }) =>
    Effect.gen(function* () {
      if (noOtherUser()) return skip("no setpriv to become another user by");
      const place = yield* heldPlace();
      const path = join(place.dataDir, "parquet/source_mtu_daily");
      yield* handOver(place);
      yield* promise(() => chmod(path, 0o500));
      assertCode(yield* asUser(place, backfill(place.dataDir)), 0);
      yield* promise(() => chmod(path, 0o700));
      takeBack(place);
      yield* assertWhole(place);
    }),
  );

  it.live("is named, and once it is open again the next run has everything", ({ skip }) =>
    Effect.gen(function* () {
      if (noOtherUser()) return skip("no setpriv to become another user by");
      const held = yield* heldPlace();
      const before = yield* heldIn(held);
      yield* Effect.forEach(
        share(parts, 2, 4),
        Effect.fnUntraced(function* ({ mode, part }) {
          const place = yield* copyOf(held);
          const path = join(place.dataDir, part.replace("/W", `/workspace_id=${place.simulator.workspaces[0]!.id}`));
          yield* handOver(place);
          const mode0 = path.endsWith(".parquet") || path.endsWith(".duckdb") ? 0o600 : 0o700;
          yield* promise(() => chmod(path, mode));
          const ended = yield* asUser(place, backfill(place.dataDir));
          assert.include([1, 2], ended.code, `${part}: ${ended.stderr}`);
          assertNoStack(ended.stderr);
          assertFails(
            ended,
            /(EACCES|Permission denied).*(Choose a directory that this user may write to|Run the command)/,
          );
          yield* promise(() => chmod(path, mode0));
          takeBack(place);
          assertNothingLost(before, yield* heldIn(place));
          assert.deepStrictEqual(
            (yield* promise(() => filesBelow(place.dataDir))).filter((name) => name.endsWith(".tmp")),
            [],
          );
          yield* assertMended(place);
        }),
        { concurrency: 2 },
      );
    }),
  );
});
