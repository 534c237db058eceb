/**
 * What a body of usage says, by its text alone: the figures that have to be kept digit for digit, and the rows that must be set
 * aside. Its own reading of the contract, without the program's decoders.
 */
import type { DatasetName } from "@segmeter/domain";
import { field, isDeeper, type Json, readJson } from "./JsonText.ts";
import { isoMicros } from "./IsoText.ts";

/** A row as the tables have it, with every value as text. */
export type Figures = Readonly<Record<string, string>>;

export interface Said {
  /** By position from 1: the figures, or undefined for a row that breaks the contract. */
  readonly rows: ReadonlyArray<Figures | undefined>;
  readonly next: string | undefined;
  readonly total: number | undefined;
}

const lists: Readonly<Record<DatasetName, string>> = {
  "workspace-mtu": "dailyWorkspaceMTUUsage",
  "source-mtu": "dailyPerSourceMTUUsage",
  "workspace-api-calls": "dailyWorkspaceAPICallsUsage",
  "source-api-calls": "dailyPerSourceAPICallsUsage",
};

const mtuCounts = {
  anonymous: "anonymous",
  anonymousIdentified: "anonymous_identified",
  identified: "identified",
  neverIdentified: "never_identified",
};

/** Undefined: no body of usage. */
export const saidIn = (dataset: DatasetName, text: string): Said | undefined => {
  let body: Json;
  try {
    body = readJson(text);
  } catch {
    return undefined;
  }
  const data = field(body, "data");
  const [list, pagination] = [field(data, lists[dataset]), field(data, "pagination")];
  if (list?.kind !== "list" || pagination?.kind !== "object") return undefined;
  const [next, total] = [field(pagination, "next"), field(pagination, "totalEntries")];
  if (next !== undefined && !isNull(next) && !(next.kind === "text" && next.text.isWellFormed())) return undefined;
  if (total !== undefined && !isNull(total) && !isWhole(total)) return undefined;
  if (list.items.some((row) => isDeeper(row, 32))) return undefined;
  return {
    rows: list.items.map((row) => figuresOf(dataset, row)),
    next: next?.kind === "text" && next.text !== "" ? next.text : undefined,
    total: total?.kind === "number" ? Number(total.raw) : undefined,
  };
};

const isNull = (of: Json): boolean => of.kind === "word" && of.raw === "null";

const isWhole = (of: Json): of is Extract<Json, { kind: "number" }> =>
  of.kind === "number" && Number.isSafeInteger(Number(of.raw));

const figuresOf = (dataset: DatasetName, row: Json): Figures | undefined => {
  const isMtu = dataset.endsWith("-mtu");
  const found: Record<string, string | undefined> = {};
  if (dataset.startsWith("source-")) found["source_id"] = idOf(field(row, "sourceId"));
  if (isMtu) {
    found["period_start"] = secondsOf(field(row, "periodStart"));
    found["period_end"] = secondsOf(field(row, "periodEnd"));
  }
  for (const [wire, column] of Object.entries(isMtu ? mtuCounts : { apiCalls: "api_calls" })) {
    found[column] = countOf(field(row, wire));
  }
  const timestamp = field(row, "timestamp");
  const at = timestamp?.kind === "text" ? isoMicros(timestamp.text) : undefined;
  found["snapshot_at"] = at?.toString();
  found["day"] = at === undefined ? undefined : String(at / 86_400_000_000n);
  return Object.values(found).includes(undefined) ? undefined : (found as Figures);
};

/** The digits that stand there, without zeros in front. */
const countOf = (of: Json | undefined): string | undefined => {
  const digits = of?.kind === "number" ? of.raw : of?.kind === "text" ? of.text : "";
  if (!/^[0-9]{1,40}$/.test(digits)) return undefined;
  const plain = digits.replace(/^0+(?=[0-9])/, "");
  const most = "9223372036854775807";
  return plain.length < most.length || (plain.length === most.length && plain <= most) ? plain : undefined;
};

const secondsOf = (of: Json | undefined): string | undefined => {
  if (of?.kind !== "number") return undefined;
  const seconds = Number(of.raw);
  return Number.isInteger(seconds) && seconds >= 0 && seconds <= 9_000_000_000
    ? String(seconds * 1_000_000)
    : undefined;
};

/** What UTF-8 has no form for could not be kept as it was sent. */
const idOf = (of: Json | undefined): string | undefined =>
  of?.kind === "text" && of.text !== "" && of.text.length <= 200 && of.text.isWellFormed() ? of.text : undefined;

/** Rows of one walk, folded by key: of two snapshots the later stands. `conflict`: one moment with two figures. */
export const folded = (rows: ReadonlyArray<Figures>): ReadonlyMap<string, Figures> | "conflict" => {
  const moments = new Map<string, string>();
  const latest = new Map<string, Figures>();
  for (const row of rows) {
    const key = JSON.stringify([row["source_id"], row["period_start"], row["day"]]);
    const text = textOf(row);
    const moment = `${key} ${row["snapshot_at"]}`;
    if ((moments.get(moment) ?? text) !== text) return "conflict";
    moments.set(moment, text);
    const held = latest.get(key);
    if (held === undefined || BigInt(held["snapshot_at"]!) < BigInt(row["snapshot_at"]!)) latest.set(key, row);
  }
  return latest;
};

/** As one text, whatever the order of its columns. */
export const textOf = (row: Readonly<Record<string, unknown>>): string =>
  JSON.stringify(
    Object.entries(row)
      .filter(([name]) => name !== "observed_at")
      .map(([name, value]) => [name, String(value)])
      .toSorted(([a], [b]) => (a! < b! ? -1 : 1)),
  );
