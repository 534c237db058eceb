/**
 * The tables of the long versions, for people: rows that tests leave, printed together when all have ended.
 */
import type { TestModule, TestCase } from "vitest/node";

type Row = Readonly<Record<string, string | number>>;

interface Summary {
  readonly table: string;
  readonly row: Row;
}

declare module "vitest" {
  interface TaskMeta {
    summary?: Summary;
  }
}

/** Leaves a row of a table; all rows of one have the same columns. */
export const leaveRow = (task: { readonly meta: { summary?: Summary } }, table: string, row: Row): void => {
  task.meta.summary = { table, row };
};

/** Prints nothing when no test left a row. */
export default class SummaryReporter {
  onTestRunEnd(modules: ReadonlyArray<TestModule>): void {
    const tables = new Map<string, Array<Row>>();
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const summary = (test as TestCase).meta().summary;
        if (summary !== undefined) tables.set(summary.table, [...(tables.get(summary.table) ?? []), summary.row]);
      }
    }
    for (const rows of tables.values()) process.stdout.write(`\n${render(rows)}`);
  }
}

const render = (rows: ReadonlyArray<Row>): string => {
  const columns = Object.keys(rows[0]!);
  return [columns, columns.map(() => "---"), ...rows.map((row) => columns.map((column) => row[column]))]
    .map((cells) => `| ${cells.join(" | ")} |\n`)
    .join("");
};
