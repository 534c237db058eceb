/**
 * Tables for people, drawn by cli-table3 without colours, so that they look the same in a file.
 */
import Table3 from "cli-table3";
import { printable, printableLine } from "./Printable.ts";

export interface TextTable {
  readonly head: ReadonlyArray<string>;
  readonly rows: ReadonlyArray<ReadonlyArray<string>>;
  /** Columns, by position, that are set flush right. */
  readonly right: ReadonlySet<number>;
}

export const renderTable = ({ head, right, rows }: TextTable): string => {
  const table = new Table3({
    head: head.map(printableLine),
    colAligns: head.map((_, index) => (right.has(index) ? "right" : "left")),
    style: { head: [], border: [], compact: true },
  });
  // cli-table3 takes control characters for layout.
  for (const row of rows) table.push(row.map((text) => printable(text.replaceAll(/[\u0000-\u001f\u007f]/g, " "))));
  return table.toString();
};
