import { assert, describe, it } from "@effect/vitest";
import {
  allColumns,
  bookTables,
  datasets,
  partitionColumns,
  revisionTables,
  type Table,
  tables,
  usageTables,
} from "../src/index.ts";

const columnsOf = (table: Table) =>
  allColumns(table).map(({ name, nullable, type }) => `${name} ${type}${nullable === true ? " NULL" : ""}`);

const month = ["workspace_id VARCHAR", "usage_month DATE"];
const period = ["period_start TIMESTAMP", "period_end TIMESTAMP"];
const mtu = ["anonymous BIGINT", "anonymous_identified BIGINT", "identified BIGINT", "never_identified BIGINT"];
const versions = ["snapshot_at TIMESTAMP", "observed_at TIMESTAMP"];

interface Contract {
  readonly key: ReadonlyArray<string>;
  readonly columns: ReadonlyArray<string>;
}

/** The contract that users rely on, column by column. A change here is a change of theirs. */
const usage = {
  workspace_mtu_daily: {
    key: ["workspace_id", "period_start", "day"],
    columns: [...month, "day DATE", ...period, ...mtu, ...versions],
  },
  source_mtu_daily: {
    key: ["workspace_id", "period_start", "day", "source_id"],
    columns: [...month, "day DATE", "source_id VARCHAR", ...period, ...mtu, ...versions],
  },
  workspace_api_calls_daily: {
    key: ["workspace_id", "usage_month", "day"],
    columns: [...month, "day DATE", "api_calls BIGINT", ...versions],
  },
  source_api_calls_daily: {
    key: ["workspace_id", "usage_month", "day", "source_id"],
    columns: [...month, "day DATE", "source_id VARCHAR", "api_calls BIGINT", ...versions],
  },
} satisfies Record<string, Contract>;

/** Versions of a table's rows that no longer stand: the same columns, and until when it stood. */
const revisionsOf = ({ columns, key }: Contract): Contract => ({
  key: [...key, "observed_at"],
  columns: [...columns, "superseded_at TIMESTAMP"],
});

const contract: Record<string, Contract> = {
  ...usage,
  workspace_mtu_daily_revisions: revisionsOf(usage.workspace_mtu_daily),
  source_mtu_daily_revisions: revisionsOf(usage.source_mtu_daily),
  workspace_api_calls_daily_revisions: revisionsOf(usage.workspace_api_calls_daily),
  source_api_calls_daily_revisions: revisionsOf(usage.source_api_calls_daily),
  workspaces: {
    key: ["id"],
    columns: [
      "workspace_id VARCHAR",
      "id VARCHAR",
      "slug VARCHAR",
      "name VARCHAR",
      "first_seen TIMESTAMP",
      "last_seen TIMESTAMP",
    ],
  },
  sources: {
    key: ["workspace_id", "id"],
    columns: [
      "workspace_id VARCHAR",
      "id VARCHAR",
      "slug VARCHAR",
      "name VARCHAR",
      "type VARCHAR",
      "enabled BOOLEAN",
      "labels VARCHAR",
      "first_seen TIMESTAMP",
      "last_seen TIMESTAMP",
    ],
  },
  captures: {
    key: ["capture_id"],
    columns: [
      ...month,
      "capture_id VARCHAR",
      "dataset VARCHAR",
      "state VARCHAR",
      "outcome VARCHAR",
      "rows BIGINT",
      "pages BIGINT",
      "requests BIGINT",
      "retries BIGINT",
      "warnings VARCHAR",
      "captured_at TIMESTAMP",
      "run_id VARCHAR",
    ],
  },
  runs: {
    key: ["run_id"],
    columns: [
      "workspace_id VARCHAR",
      "run_id VARCHAR",
      "command VARCHAR",
      "arguments VARCHAR",
      "version VARCHAR",
      "started TIMESTAMP",
      "ended TIMESTAMP NULL",
      "exit BIGINT NULL",
      "totals VARCHAR NULL",
    ],
  },
};

describe("the table contract", () => {
  it("has the documented tables", () =>
    assert.deepStrictEqual(
      tables.map(({ name }) => name),
      Object.keys(contract),
    ));

  it.each([...tables])("of $name is as documented", (table) => {
    assert.deepStrictEqual(columnsOf(table), [...contract[table.name]!.columns]);
    assert.deepStrictEqual(table.key, contract[table.name]!.key);
  });

  it.each([...tables])("of $name holds together", (table) => {
    const names = allColumns(table).map(({ name }) => name);
    assert.strictEqual(new Set(names).size, names.length, "a column twice");
    for (const name of table.key) assert.include(names, name);
    for (const name of names) assert.match(name, /^[a-z][a-z0-9_]*$/);
    for (const { doc } of allColumns(table)) assert.match(doc, /^[A-Z`].*\.$/);
    const ofFile = new Set(table.columns.map(({ name }) => name));
    for (const { name } of partitionColumns(table)) assert.isFalse(ofFile.has(name), name);
    const nullable = allColumns(table).filter((column) => column.nullable === true);
    for (const { name } of nullable) assert.notInclude(table.key, name);
  });

  it("is filed under the name of each table", () => {
    for (const [name, table] of Object.entries({ ...usageTables, ...bookTables })) assert.strictEqual(table.name, name);
    for (const [name, table] of Object.entries(revisionTables)) assert.strictEqual(table.name, `${name}_revisions`);
  });

  it("partitions figures and ledger by month, what names them by workspace", () => {
    const names = (table: Table) => partitionColumns(table).map(({ name }) => name);
    for (const table of [...Object.values(usageTables), ...Object.values(revisionTables), bookTables.captures])
      assert.deepStrictEqual(names(table), ["workspace_id", "usage_month"]);
    for (const table of [bookTables.workspaces, bookTables.sources, bookTables.runs])
      assert.deepStrictEqual(names(table), ["workspace_id"]);
  });

  it("has a source in the rows and the key of the source-level tables only", () => {
    for (const { level, table } of datasets) {
      const { columns, key } = usageTables[table];
      assert.strictEqual(
        columns.some(({ name }) => name === "source_id"),
        level === "source",
      );
      assert.strictEqual(key.includes("source_id"), level === "source");
    }
  });

  it("never names a secret", () => {
    for (const table of tables)
      for (const { name } of allColumns(table)) assert.notMatch(name, /write_?key|setting|token/i);
  });
});
