/**
 * Calls that the system refuses: no space, a quota, a disk that fails to sync or to rename, no more open files. From the first file
 * of a run to its last: said in a sentence, nothing lost, and mended by the next run.
 */
import { describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import { assertCode } from "../../pipelines/test/Command.ts";
import {
  assertFails,
  assertMended,
  assertNothingLost,
  copyOf,
  emptyPlace,
  type Fault,
  heldIn,
  heldPlace,
  share,
  spoiledRun,
} from "./Setting.ts";

interface Spoiling extends Fault {
  readonly flags?: ReadonlyArray<string>;
  /** At a first run: only a month that is settled then is not captured again by the next. */
  readonly isFirst?: boolean;
}

const space = /Free some space, then run the command again/;
const again = /Run the command again\.$/m;

const faults: ReadonlyArray<Spoiling & { readonly says: RegExp }> = [
  { at: "^appendFile .lock", fail: "ENOSPC", says: space },
  { at: "^(write|writeFile|sync|mkdir) parquet", ever: true, fail: "ENOSPC", says: space },
  { at: "^writeFile parquet/source_mtu_daily", ever: true, fail: "EDQUOT", says: space },
  { at: "^writeFile parquet/captures", ever: true, fail: "ENOSPC", says: space },
  { at: "^(writeFile|sync) parquet/runs", nth: 3, fail: "ENOSPC", says: space },
  { at: "^sync parquet/.*tmp$", nth: 2, fail: "ENOSPC", says: space, flags: ["--parquet-encoder", "duckdb"] },
  { at: "^sync parquet/.*usage.*tmp$", ever: true, fail: "EIO", says: again, flags: ["--parquet-encoder", "duckdb"] },
  // The file is in its place then, and nobody can say that it lasts.
  { at: "^sync parquet/source_mtu_daily/.*2024-01-01$", fail: "EIO", says: again, isFirst: true },
  { at: "^rename parquet/workspace_mtu_daily", fail: "EIO", says: again },
  { at: "^rename parquet/captures", ever: true, fail: "EIO", says: again },
  { at: "^rename parquet/runs", nth: 2, fail: "EIO", says: again },
  { at: "^sync parquet/runs", ever: true, fail: "EIO", says: again },
  { at: "^open parquet/.*tmp$", nth: 3, ever: true, fail: "EMFILE", says: again },
];

describe("a call that fails", () => {
  it.live(
    "is told in a sentence, loses nothing, and the next run makes it good",
    () =>
      Effect.gen(function* () {
        const held = yield* heldPlace();
        const before = yield* heldIn(held);
        yield* Effect.forEach(
          share(faults, 3, 7, 10),
          Effect.fnUntraced(function* ({ flags = [], isFirst = false, says, ...fault }) {
            const place = isFirst ? yield* emptyPlace : yield* copyOf(held);
            const ended = yield* spoiledRun(place, fault, flags);
            assertCode(ended, 1);
            assertFails(ended, says);
            if (!isFirst) assertNothingLost(before, yield* heldIn(place));
            yield* assertMended(place, flags);
          }),
          { concurrency: 2 },
        );
      }),
    600_000,
  );
});
