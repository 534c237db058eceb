import { assert, describe, it } from "@effect/vitest";
import { allColumns, tables } from "@segmeter/domain";
import { readFile } from "node:fs/promises";
import { createTable, schemaStatements, strangeness } from "../src/DuckDBSchema.ts";
import { ask } from "./Setting.ts";

describe("DuckDBSchema", () => {
  it("defines the tables as golden/schema.sql has them", async () => {
    const golden = await readFile(new URL("golden/schema.sql", import.meta.url), "utf8");
    const definitions = schemaStatements().filter((statement) => statement.startsWith("CREATE TABLE"));
    assert.strictEqual(`${definitions.join(";\n")};\n`.replaceAll(/(\(|,) ?/g, "$1\n  "), golden);
  });

  it("has no keys and no indexes: they make a replacement six times as slow", async () => {
    const sql = schemaStatements().join(";");
    const [[constraints, indexes] = []] = await ask(
      ":memory:",
      `${sql}; SELECT (SELECT count(*) FROM duckdb_constraints() WHERE constraint_type <> 'NOT NULL'), (SELECT count(*) FROM duckdb_indexes())`,
    );
    assert.deepStrictEqual([constraints, indexes], ["0", "0"]);
  });

  it("says in the database what each column means, and may be run twice", async () => {
    const sql = schemaStatements().join(";");
    const found = await ask(
      ":memory:",
      `${sql}; ${sql}; SELECT table_name, column_name, data_type, is_nullable, comment FROM duckdb_columns()
       WHERE schema_name = 'main' AND table_name IN (SELECT table_name FROM duckdb_tables()) ORDER BY table_oid, column_index`,
    );
    const expected = tables.flatMap((table) =>
      allColumns(table).map(({ doc, name, nullable, type }) => [table.name, name, type, nullable === true, doc]),
    );
    assert.deepStrictEqual(found, expected);
  });

  it("tells its own database from another", () => {
    const own = new Map(
      tables.map((table) => [
        table.name,
        allColumns(table)
          .map(({ name, type }) => `${name} ${type}`)
          .join(", "),
      ]),
    );
    assert.isUndefined(strangeness(new Map()));
    assert.isUndefined(strangeness(own));
    assert.isUndefined(strangeness(new Map([...own, ["notes", "text VARCHAR"]])));
    assert.include(strangeness(new Map([["notes", "text VARCHAR"]])), "none of segmeter's");
    assert.include(strangeness(new Map([...own, ["runs", "id BIGINT"]])), "runs has other columns");
  });

  it("quotes what it defines", () => {
    const odd = { name: `a"b`, partitioning: "workspace", key: [], columns: [] } as const;
    assert.strictEqual(createTable(odd), `CREATE TABLE IF NOT EXISTS "a""b" ("workspace_id" VARCHAR NOT NULL)`);
  });
});
