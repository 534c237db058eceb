/**
 * The checksum of a table's rows: what a file's footer says of the rows that were committed, so that a value that changed later
 * does not pass for what the service reported, even in a file that is a flawless Parquet file.
 *
 * `sha256:` and the hexadecimal SHA-256 of: the number of rows, in decimal, and a line feed; then of each column, in the order
 * of the table, its name, a space, its type and a line feed; of a nullable column a byte for each row, 1 for a value and 0 for
 * null; and the values that are not null, in the order of the rows:
 * - BIGINT, and TIMESTAMP in microseconds since 1970: 64 bits; DATE in days since 1970: 32 bits; little-endian
 * - BOOLEAN: a byte, 1 for true and 0 for false
 * - VARCHAR: the number of its UTF-8 bytes in 32 bits, little-endian, and the bytes
 *
 * It goes by values: whichever encoder wrote the file, and however, the same rows have the same checksum.
 */
import { createHash } from "node:crypto";
import type { Column, ColumnType, Row, Table } from "@segmeter/domain";

/**
 * Memory: one column's bytes. Time: about 0.5 µs a row of ten columns.
 * Throws a `TypeError` for a value of another type than its column's.
 */
export const checksumOf = (table: Table, rows: ReadonlyArray<Row>): string => {
  const hash = createHash("sha256").update(`${rows.length}\n`);
  for (const column of table.columns) {
    hash.update(`${column.name} ${column.type}\n`);
    if (column.nullable === true) hash.update(presence(column, rows));
    hash.update(writers[column.type](rows, column.name));
  }
  return `sha256:${hash.digest("hex")}`;
};

/** Whether both are the same rows in the same order. */
export const sameRows = (table: Table, a: ReadonlyArray<Row>, b: ReadonlyArray<Row>): boolean =>
  a.length === b.length && checksumOf(table, a) === checksumOf(table, b);

const presence = ({ name }: Column, rows: ReadonlyArray<Row>): Uint8Array =>
  Uint8Array.from(rows, (row) => (row[name] === null ? 0 : 1));

type Write = (rows: ReadonlyArray<Row>, name: string) => Uint8Array;

/** Values of one width, by what writes one at an offset. A `DataView` is little-endian on every machine, when asked to be. */
const fixed =
  <V>(width: number, write: (view: DataView, offset: number, value: V) => void): Write =>
  (rows, name) => {
    const view = new DataView(new ArrayBuffer(rows.length * width));
    let offset = 0;
    for (const row of rows) {
      const value = row[name];
      if (value === null) continue;
      write(view, offset, value as V);
      offset += width;
    }
    return new Uint8Array(view.buffer, 0, offset);
  };

const texts: Write = (rows, name) => {
  let bytes = Buffer.alloc(64 * 1024);
  let end = 0;
  for (const row of rows) {
    const text = row[name];
    if (text === null) continue;
    if (typeof text !== "string") throw new TypeError(`${name} is no text`);
    // A UTF-16 unit is three bytes of UTF-8 at most.
    const most = end + 4 + text.length * 3;
    if (most > bytes.length) bytes = Buffer.concat([bytes], Math.max(bytes.length * 2, most));
    const length = bytes.write(text, end + 4);
    bytes.writeUInt32LE(length, end);
    end += 4 + length;
  }
  return bytes.subarray(0, end);
};

const writers: { readonly [Type in ColumnType]: Write } = {
  VARCHAR: texts,
  DATE: fixed<number>(4, (view, offset, value) => view.setInt32(offset, value, true)),
  // Instants are from 0 to 2^53 − 1: two halves, without a bigint in between.
  TIMESTAMP: fixed<number>(8, (view, offset, value) => {
    view.setUint32(offset, value, true);
    view.setUint32(offset + 4, Math.floor(value / 2 ** 32), true);
  }),
  BIGINT: fixed<bigint>(8, (view, offset, value) => view.setBigInt64(offset, value, true)),
  BOOLEAN: fixed<boolean>(1, (view, offset, value) => view.setUint8(offset, value ? 1 : 0)),
};
