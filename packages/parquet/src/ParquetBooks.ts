/**
 * The books of the Parquet sink: the ledger, the names and the runs, each file written anew when it changes, and left alone when
 * it would say the same.
 */
import {
  type Books,
  bookTables,
  type Capture,
  type Encoder,
  Name,
  type Row,
  Run,
  type RunRow,
  type SinkError,
  type SourceRow,
  type Table,
  tables,
  type WorkspaceRow,
} from "@segmeter/domain";
import * as Effect from "effect/Effect";
import { orMissing } from "./Attempt.ts";
import { sameRows } from "./Checksum.ts";
import type { OneAtATime } from "./Locks.ts";
import { publishFile } from "./ParquetFile.ts";
import { fileMetadata } from "./ParquetFooter.ts";
import { fileOf, filesOf } from "./ParquetLayout.ts";
import { type KnownLedgers, ledgerFile, type MonthOfLedger, readLedger, writeLedger } from "./ParquetLedger.ts";
import { readRows } from "./ParquetReader.ts";

export interface ParquetBooks {
  /** Enters captures of one month in the ledger. */
  readonly enter: (month: MonthOfLedger, captures: ReadonlyArray<Capture.Capture>) => Effect.Effect<void, SinkError>;
  readonly saveNames: (names: Name.Names) => Effect.Effect<void, SinkError>;
  readonly saveRun: (run: Run.Run) => Effect.Effect<void, SinkError>;
  readonly workspaceIds: Effect.Effect<ReadonlyArray<string>, SinkError>;
  readonly books: (workspaceId: string) => Effect.Effect<Books.Books, SinkError>;
  readonly addBooks: (workspaceId: string, books: Books.Books) => Effect.Effect<void, SinkError>;
}

export const makeParquetBooks = (
  dataDir: string,
  encoder: Encoder,
  oneAtATime: OneAtATime,
  known: KnownLedgers,
): ParquetBooks => {
  const enter = Effect.fn("ParquetBooks.enter")(function* (
    month: MonthOfLedger,
    captures: ReadonlyArray<Capture.Capture>,
  ) {
    const written = writeLedger(dataDir, encoder, month, captures, known);
    yield* oneAtATime((yield* ledgerFile(dataDir, month)).path, written);
  });

  const read = Effect.fnUntraced(function* <R extends Row>(table: Table, workspaceId: string) {
    const path = yield* fileOf(dataDir, table, workspaceId);
    const rows = yield* orMissing(readRows(table, { path, workspaceId, month: undefined }), undefined);
    return rows as ReadonlyArray<R> | undefined;
  });

  /** Reads the rows of a small table kept by workspace, changes them, and writes them anew. */
  const rewrite = Effect.fn("ParquetBooks.rewrite")(function* <R extends Row>(
    table: Table,
    workspaceId: string,
    change: (held: ReadonlyArray<R>) => ReadonlyArray<R>,
  ) {
    const path = yield* fileOf(dataDir, table, workspaceId);
    const rewritten = Effect.gen(function* () {
      const held = yield* read<R>(table, workspaceId);
      const rows = change(held ?? []);
      if (held !== undefined && sameRows(table, held, rows)) return;
      const metadata = fileMetadata(table, { workspaceId, month: undefined }, rows);
      yield* publishFile(encoder, { table, rows, metadata, path });
    });
    yield* oneAtATime(path, rewritten);
  });

  const saveRuns = (workspaceId: string, runs: ReadonlyArray<RunRow>) =>
    rewrite<RunRow>(bookTables.runs, workspaceId, (held) => upsert(held, runs, "run_id"));

  return {
    enter,
    saveNames: (names) => {
      const { id } = names.workspace;
      const workspace = rewrite<WorkspaceRow>(bookTables.workspaces, id, ([held]) => [Name.workspaceRow(names, held)]);
      const sources = rewrite<SourceRow>(bookTables.sources, id, (held) => Name.sourceRows(names, held));
      return Effect.andThen(workspace, sources);
    },
    saveRun: (run) => saveRuns(run.workspaceId, [Run.toRow(run)]),
    workspaceIds: Effect.map(
      Effect.forEach(tables, (table) => filesOf(dataDir, table)),
      (files) => [...new Set(files.flat().map(({ workspaceId }) => workspaceId))].sort(),
    ),
    books: Effect.fn("ParquetBooks.books")(function* (workspaceId: string) {
      const runs = (yield* read<RunRow>(bookTables.runs, workspaceId)) ?? [];
      return {
        captures: yield* readLedger(dataDir, workspaceId),
        runs: runs.toSorted(Run.byStart),
        workspaces: (yield* read<WorkspaceRow>(bookTables.workspaces, workspaceId)) ?? [],
        sources: (yield* read<SourceRow>(bookTables.sources, workspaceId)) ?? [],
      };
    }),
    addBooks: Effect.fn("ParquetBooks.addBooks")(function* (workspaceId: string, books: Books.Books) {
      const { captures, runs, sources, workspaces } = books;
      const byMonth = Map.groupBy(captures, ({ partition }) => partition.month);
      yield* Effect.forEach(byMonth, ([month, made]) => enter({ workspaceId, month }, made), { discard: true });
      if (runs.length > 0) yield* saveRuns(workspaceId, runs);
      if (workspaces.length > 0) {
        yield* rewrite<WorkspaceRow>(bookTables.workspaces, workspaceId, (held) => upsert(held, workspaces, "id"));
      }
      if (sources.length > 0) {
        yield* rewrite<SourceRow>(bookTables.sources, workspaceId, (held) => Name.mergeRows(sources, held));
      }
    }),
  };
};

/** The rows with those that are given in the place of the ones of the same id, or after them. */
const upsert = <R extends Row>(held: ReadonlyArray<R>, given: ReadonlyArray<R>, id: keyof R): ReadonlyArray<R> => [
  ...new Map([...held, ...given].map((row) => [row[id], row])).values(),
];
