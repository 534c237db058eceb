/**
 * An open Parquet file: what its footer says, and its columns as exact values (no `Date`, no rounded number).
 *
 * Reads the tail first, so that a footer costs one small read however large the file is. The file that was opened is the file
 * that is read, even when another is renamed over it meanwhile.
 */
import { type FileHandle, open } from "node:fs/promises";
import { type ColumnType, type SinkError, sinkError } from "@segmeter/domain";
import * as Effect from "effect/Effect";
import { type AsyncBuffer, type FileMetaData, parquetMetadataAsync, parquetScan } from "hyparquet";
import { attempt } from "./Attempt.ts";
import { areStored, columnType, compressors, type Decoded, exact, text, withoutLogicalType } from "./StoredValues.ts";

export interface FileColumn {
  readonly name: string;
  /** Undefined: a type that no table of ours has. */
  readonly type: ColumnType | undefined;
  readonly nullable: boolean;
}

/** The bounds that a reader skips row groups by, decoded like values, text as bytes. */
export interface ColumnStatistics {
  readonly nulls: bigint | undefined;
  readonly mins: ReadonlyArray<bigint | number | boolean | Uint8Array>;
  readonly maxs: ReadonlyArray<bigint | number | boolean | Uint8Array>;
}

export interface RowGroup {
  readonly from: number;
  readonly to: number;
  /** By column, in file order. */
  readonly statistics: ReadonlyArray<ColumnStatistics>;
}

export interface ParquetColumns {
  readonly path: string;
  readonly rows: number;
  readonly columns: ReadonlyArray<FileColumn>;
  readonly groups: ReadonlyArray<RowGroup>;
  readonly metadata: Readonly<Record<string, string>>;
  /** One column of one row group. Memory: the column, and what was read last of the others. */
  readonly read: (column: string, group: RowGroup) => Promise<Decoded>;
}

/**
 * Opens the file for the time of `use`.
 * Errors: `Foreign` when it is no Parquet file, `Damaged` when it is one that cannot be read; by system code else.
 */
export const withParquet = <A>(path: string, use: (file: ParquetColumns) => Promise<A>): Effect.Effect<A, SinkError> =>
  Effect.acquireUseRelease(
    attempt(`read ${path}`, () => open(path, "r")),
    (handle) => attempt(`read ${path}`, async () => use(await openColumns(path, handle))),
    (handle) => attempt(`read ${path}`, () => handle.close()),
  );

const tailSize = 64 * 1024;
/** The columns of a file of up to so many bytes are read at once: most are small, and each read costs more than its bytes. */
const wholeSize = 2 ** 20;
const magic = "PAR1";

const openColumns = async (path: string, handle: FileHandle): Promise<ParquetColumns> => {
  const stat = await handle.stat();
  if (!stat.isFile()) throw unreadable(path, "Foreign", "is not a file");
  const { size } = stat;
  const [whole, ranges] = [readWhole(handle, size), readInRanges(handle, size)];
  // The footer is all that many want.
  const file = size <= tailSize ? whole : ranges;
  const head = Buffer.from(await file.slice(0, Math.min(4, size))).toString("latin1");
  if (size > 0 && !magic.startsWith(head)) throw unreadable(path, "Foreign", "is not a Parquet file");
  const guarded = async <A>(run: () => Promise<A>): Promise<A> => {
    try {
      return await run();
    } catch (cause) {
      // The disk's own errors are not the file's.
      if (cause instanceof Error && "syscall" in cause) throw cause;
      throw unreadable(path, "Damaged", `cannot be read (${cause instanceof Error ? cause.message : cause})`, cause);
    }
  };
  return guarded(async () => {
    const metadata = await parquetMetadataAsync(file, {
      initialFetchSize: tailSize,
      geoparquet: false,
      parsers: exact,
    });
    const elements = metadata.schema.slice(1);
    const physical = metadata.schema.map(withoutLogicalType);
    const scan = await parquetScan({
      file: size <= wholeSize ? whole : ranges,
      metadata: { ...metadata, schema: physical },
      compressors,
      parsers: { stringFromBytes: text },
      useOffsetIndex: false,
    });
    return {
      path,
      rows: Number(metadata.num_rows),
      columns: elements.map((element) => ({
        name: element.name,
        type: columnType(element),
        nullable: element.repetition_type === "OPTIONAL",
      })),
      groups: rowGroups(metadata),
      metadata: Object.fromEntries((metadata.key_value_metadata ?? []).map(({ key, value = "" }) => [key, value])),
      read: (column, { from, to }) =>
        guarded(async () => {
          const values = await scan.readColumn({ column, rowStart: from, rowEnd: to });
          if (values.length !== to - from) throw new Error(`${values.length} of ${to - from} values of ${column}`);
          const stored = elements.find(({ name }) => name === column)?.type;
          if (!areStored(values, stored)) throw new Error(`values of ${column} that are no ${stored}`);
          return values;
        }),
    };
  });
};

const unreadable = (path: string, reason: "Foreign" | "Damaged", what: string, cause?: unknown): SinkError =>
  sinkError(`read ${path}`, reason, `${path} ${what}.`, { cause });

const readInRanges = (handle: FileHandle, size: number): AsyncBuffer => ({
  byteLength: size,
  slice: (start, end = size) => readRange(handle, start, end),
});

const readWhole = (handle: FileHandle, size: number): AsyncBuffer => {
  let bytes: Promise<ArrayBuffer> | undefined;
  return {
    byteLength: size,
    slice: async (start, end) => (await (bytes ??= readRange(handle, 0, size))).slice(start, end),
  };
};

const readRange = async (handle: FileHandle, start: number, end: number): Promise<ArrayBuffer> => {
  const bytes = new Uint8Array(end - start);
  let filled = 0;
  while (filled < bytes.length) {
    const { bytesRead } = await handle.read(bytes, filled, bytes.length - filled, start + filled);
    if (bytesRead === 0) throw new Error("the file ends early");
    filled += bytesRead;
  }
  return bytes.buffer;
};

const rowGroups = (metadata: FileMetaData): ReadonlyArray<RowGroup> => {
  let from = 0;
  const groups = metadata.row_groups.map(({ columns, num_rows }) => {
    const group = {
      from,
      to: from + Number(num_rows),
      statistics: columns.map(({ meta_data }) => statistics(meta_data)),
    };
    from = group.to;
    return group;
  });
  if (from !== Number(metadata.num_rows)) throw new Error(`${from} of ${metadata.num_rows} rows`);
  return groups;
};

const statistics = (chunk: FileMetaData["row_groups"][number]["columns"][number]["meta_data"]): ColumnStatistics => {
  const { max, max_value, min, min_value, null_count } = chunk?.statistics ?? {};
  const given = (values: ReadonlyArray<unknown>) => values.filter((value) => value !== undefined) as never;
  return { nulls: null_count, mins: given([min, min_value]), maxs: given([max, max_value]) };
};
