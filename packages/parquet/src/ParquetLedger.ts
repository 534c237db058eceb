/**
 * The ledger of captures: one file for each workspace and month, with the captures of all its datasets and their history.
 *
 * The footers of the usage files have the last word: a run that was killed after it committed a usage file leaves a ledger file
 * without that capture, so reading adds what the footers say, and the next write stores it. The new ledger file, which is written
 * beside its place before the usage file is put in its own, stays there until the ledger is complete: by it the next run knows.
 */
import {
  Books,
  bookTables,
  Capture,
  type CaptureRow,
  type Encoder,
  type Partition,
  type Row,
  type SinkError,
  sinkError,
  type Table,
  UsageMonth,
  usageTableOf,
  usageTables,
} from "@segmeter/domain";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import type * as Scope from "effect/Scope";
import { stat } from "node:fs/promises";
import { attempt, orMissing, orUnreadable } from "./Attempt.ts";
import { sameRows } from "./Checksum.ts";
import { type StagedFile, stageFile } from "./ParquetFile.ts";
import { fileMetadata } from "./ParquetFooter.ts";
import { fileOf, filesOf, type TableFile } from "./ParquetLayout.ts";
import { readCapture, readRows } from "./ParquetReader.ts";
import { setAside } from "./SetAside.ts";

/** Footers read side by side; each holds a file open. */
const concurrency = 16;

const table = bookTables.captures;

const tables: ReadonlyArray<Table> = Object.values(usageTables);

/** The captures that the usage files hold, in no order: of a workspace, or of all. */
export const heldCaptures = Effect.fn("ParquetLedger.heldCaptures")(function* (dataDir: string, workspaceId?: string) {
  const files = yield* Effect.forEach(tables, (usage) =>
    Effect.map(filesOf(dataDir, usage, workspaceId), (found) => found.map((file) => ({ usage, file }))),
  );
  const footers = yield* Effect.forEach(files.flat(), ({ file, usage }) => readCapture(usage, file), { concurrency });
  return footers.map(({ capture }) => capture);
});

/**
 * The same of one month, found without listing a directory. A file that cannot be read is passed over, unless it is the one that
 * `strictly` names: what is wrong with one dataset must not keep the others from being captured.
 */
export const heldOfMonth = Effect.fnUntraced(function* (
  dataDir: string,
  { month, strictly, workspaceId }: MonthOfLedger,
) {
  const footers = yield* Effect.forEach(tables, (usage) =>
    Effect.flatMap(fileOf(dataDir, usage, workspaceId, month), (path) => {
      const footer = orMissing(readCapture(usage, { path, workspaceId, month }), undefined);
      return strictly?.has(usage) ? footer : orUnreadable(footer, undefined);
    }),
  );
  return footers.flatMap((footer) => (footer === undefined ? [] : [footer.capture]));
});

/** The whole ledger, of a workspace or of all, ordered by `capturedAt`. Memory: every capture. */
export const readLedger = Effect.fn("ParquetLedger.readLedger")(function* (dataDir: string, workspaceId?: string) {
  const files = yield* filesOf(dataDir, table, workspaceId);
  const entries = yield* Effect.forEach(files, readEntries, { concurrency });
  return Books.mergeCaptures(entries.flat(), yield* heldCaptures(dataDir, workspaceId));
});

export interface MonthOfLedger {
  readonly workspaceId: string;
  readonly month: UsageMonth.UsageMonth;
  /** The usage tables whose files of the month have to be readable. */
  readonly strictly?: ReadonlySet<Table>;
}

/**
 * What ledger files hold, by path, as they were written: so that the second capture of a month need not read the file, and the
 * footers of the usage files, again. Memory: the captures of the months that were written to.
 */
export type KnownLedgers = Map<string, { readonly stamp: string; readonly entries: ReadonlyArray<Capture.Capture> }>;

/** Tells the file from any other that takes its place; undefined when there is none. */
const stampOf = (path: string): Effect.Effect<string | undefined, SinkError> =>
  orMissing(
    attempt(`look at ${path}`, async () => {
      const { ino, mtimeNs, size } = await stat(path, { bigint: true });
      return `${ino} ${mtimeNs} ${size}`;
    }),
    undefined,
  );

export interface StagedLedger extends StagedFile {
  /** What the file said until now, and what the usage files held: the captures of before. */
  readonly before: ReadonlyArray<Capture.Capture>;
}

/**
 * Writes the ledger file of a month anew, with the captures, and stages it. Call it one at a time for each file.
 * Undefined: the file says all that already, or there is nothing to say.
 */
export const stageLedger = Effect.fn("ParquetLedger.stageLedger")(function* (
  dataDir: string,
  encoder: Encoder,
  of: MonthOfLedger,
  captures: ReadonlyArray<Capture.Capture>,
  known: KnownLedgers = new Map(),
): Effect.fn.Return<StagedLedger | undefined, SinkError, Scope.Scope> {
  const file = yield* ledgerFile(dataDir, of);
  const { path } = file;
  const last = known.get(path);
  const isKnown = last !== undefined && last.stamp === (yield* stampOf(path));
  const entries = isKnown ? last.entries : yield* orMissing(readEntries(file), []);
  const before = [...entries, ...(isKnown ? [] : yield* heldOfMonth(dataDir, of))];
  // Of two entries with one id the later stands: they are equal unless the capture was made again.
  const merged = Books.mergeCaptures(before, captures);
  const rows = merged.map(Capture.toRow);
  if (sameRows(table, entries.map(Capture.toRow), rows)) return undefined;
  const staged = yield* stageFile(encoder, { table, rows, metadata: fileMetadata(table, file, rows), path });
  // Where it does not come into its place, the footers say more than what is known.
  const forget = Effect.sync(() => void known.delete(path));
  const commit = Effect.gen(function* () {
    yield* forget;
    yield* staged.commit;
    const stamp = yield* stampOf(path);
    if (stamp !== undefined) known.set(path, { stamp, entries: merged });
  });
  return { before, commit: Effect.uninterruptible(commit), leave: Effect.andThen(forget, staged.leave) };
});

/** The same, staged and put in its place. */
export const writeLedger = (...given: Parameters<typeof stageLedger>): Effect.Effect<void, SinkError> =>
  Effect.scoped(Effect.flatMap(stageLedger(...given), commitOf));

/** Puts it in its place; nothing where the ledger says all that already. */
export const commitOf = (ledger: StagedLedger | undefined): Effect.Effect<void, SinkError> =>
  ledger?.commit ?? Effect.void;

/**
 * Moves the ledger file of a month away, and puts one in its place that says what the usage files hold, as far as that can be
 * read and written now. Says where to in a sentence. What is written lies beside its place before there is none, and stays there
 * if the other does not come to be.
 */
export const remakeLedger = Effect.fn("ParquetLedger.remakeLedger")(function* (
  dataDir: string,
  encoder: Encoder,
  file: TableFile,
) {
  const { month, path, workspaceId } = file;
  const staging = Effect.gen(function* () {
    const rows = (yield* heldOfMonth(dataDir, { workspaceId, month: month! })).map(Capture.toRow);
    if (rows.length === 0) return undefined;
    return yield* stageFile(encoder, { table, rows, metadata: fileMetadata(table, file, rows), path });
  });
  const remade = Effect.gen(function* () {
    const staged = yield* Effect.orElseSucceed(staging, () => undefined);
    yield* staged?.leave ?? Effect.void;
    const said = yield* setAside(dataDir, path);
    yield* staged?.commit ?? Effect.void;
    return said;
  });
  return yield* Effect.scoped(remade);
});

/** What a capture of a partition has to be able to read before its ledger is written. */
export const ledgerOf = (partition: Partition.Partition): MonthOfLedger => ({
  ...partition,
  strictly: new Set([usageTableOf(partition)]),
});

/** Where the captures of a month are recorded. */
export const ledgerFile = (
  dataDir: string,
  { month, workspaceId }: Pick<MonthOfLedger, "month" | "workspaceId">,
): Effect.Effect<TableFile, SinkError> =>
  Effect.map(fileOf(dataDir, table, workspaceId, month), (path) => ({ path, workspaceId, month }));

/** The entries of one ledger file. */
export const readEntries = Effect.fnUntraced(function* (file: TableFile) {
  const entries = parseEntries(file, yield* readRows(table, file));
  return typeof entries === "string"
    ? yield* Effect.fail(sinkError(`read ${file.path}`, "Damaged", `${file.path} ${entries}.`))
    : entries;
});

/** The rows of a ledger file as captures; a text says what is wrong with the first that is none. */
export const parseEntries = (
  { month, workspaceId }: TableFile,
  rows: ReadonlyArray<Row>,
): ReadonlyArray<Capture.Capture> | string => {
  const captures: Array<Capture.Capture> = [];
  for (const row of rows) {
    const capture = Capture.fromRow(workspaceId, UsageMonth.toPeriod(month!), row as CaptureRow);
    if (Option.isNone(capture)) return `has an entry that is no capture: ${row["capture_id"]}`;
    captures.push(capture.value);
  }
  return captures;
};
