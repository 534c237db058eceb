/**
 * The model of a partition that the nightly runs are held against: the list of all its captures, whole. What stands, what was
 * superseded and what was known when is worked out from it in the plainest way, and shares no code with the tool.
 */
import { isDeepStrictEqual } from "node:util";
import type { PlainRow } from "../../pipelines/test/Held.ts";

interface Snapshot {
  /** ISO-8601 with six digits, so that text order is time order. */
  readonly at: string;
  readonly rows: ReadonlyMap<string, PlainRow>;
}

const keyOf = (row: PlainRow): string =>
  [row["period_start"] ?? "", row["day"], row["source_id"] ?? ""].map(String).join(" ");

export class NightModel {
  readonly #snapshots: Array<Snapshot> = [];

  /** `rows`: the truth of the service at that time. */
  capture(at: string, rows: ReadonlyArray<PlainRow>): void {
    this.#snapshots.push({ at, rows: new Map(rows.map((row) => [keyOf(row), row])) });
  }

  get instants(): ReadonlyArray<string> {
    return this.#snapshots.map(({ at }) => at);
  }

  /** Every version that there ever was, with the captures that first saw it and first did not. */
  #versions(): ReadonlyArray<{ readonly row: PlainRow; readonly from: string; readonly until: string | undefined }> {
    const keys = new Set(this.#snapshots.flatMap(({ rows }) => [...rows.keys()]));
    return [...keys].flatMap((key) => {
      const seen: Array<{ row: PlainRow; from: string; until: string | undefined }> = [];
      let last: PlainRow | undefined;
      for (const { at, rows } of this.#snapshots) {
        const row = rows.get(key);
        if (isDeepStrictEqual(row, last)) continue;
        if (last !== undefined) seen.at(-1)!.until = at;
        if (row !== undefined) seen.push({ row, from: at, until: undefined });
        last = row;
      }
      return seen;
    });
  }

  current(): ReadonlyArray<PlainRow> {
    return this.#versions().flatMap(({ from, row, until }) =>
      until === undefined ? [{ ...row, observed_at: from }] : [],
    );
  }

  revisions(): ReadonlyArray<PlainRow> {
    return this.#versions().flatMap(({ from, row, until }) =>
      until === undefined ? [] : [{ ...row, observed_at: from, superseded_at: until }],
    );
  }

  /** The rows of the last capture up to an instant. */
  asOf(instant: string): ReadonlyArray<PlainRow> {
    return [...(this.#snapshots.findLast(({ at }) => at <= instant)?.rows.values() ?? [])];
  }
}
