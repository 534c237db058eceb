import { assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Scope from "effect/Scope";
import * as Stream from "effect/Stream";
import { readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { openQuery, type Query } from "../src/index.ts";
import { refusedFunctions } from "../src/QueryGate.ts";
import { fill } from "./DataDir.ts";
import { ask, directory } from "./Setting.ts";

/** `DATA` is the data directory, `OUT` the one above it. */
const writing = [
  "COPY runs TO 'OUT/x.csv'",
  "COPY runs TO 'DATA/x.csv'",
  "COPY (SELECT 1) TO 'DATA/parquet/x.parquet' (FORMAT parquet)",
  "COPY runs FROM 'DATA/x.csv'",
  "EXPORT DATABASE 'DATA/export'",
  "IMPORT DATABASE 'DATA/export'",
  "EXPLAIN ANALYZE COPY runs TO 'DATA/x.csv'",
  "EXPLAIN SELECT 1",
  "ATTACH 'OUT/other.duckdb'",
  "ATTACH 'DATA/other.duckdb' AS other",
  "ATTACH ':memory:' AS other",
  "DETACH segmeter",
  "USE main",
  "INSTALL httpfs",
  "INSTALL httpfs FROM 'DATA'",
  "LOAD httpfs",
  "LOAD 'DATA/httpfs.duckdb_extension'",
  "UPDATE EXTENSIONS",
  "SET threads = 1",
  "SET GLOBAL enable_external_access = true",
  "SET lock_configuration = false",
  "SET VARIABLE x = 1",
  "RESET threads",
  "PRAGMA threads = 1",
  "PRAGMA enable_profiling",
  "PRAGMA table_info('runs')",
  "INSERT INTO runs SELECT * FROM runs",
  "INSERT INTO nowhere VALUES (1)",
  "/* SELECT */ -- FROM\n INSERT INTO runs SELECT * FROM runs",
  "UPDATE runs SET version = 'x'",
  "DELETE FROM runs",
  "TRUNCATE runs",
  "MERGE INTO runs USING runs AS r ON false WHEN NOT MATCHED THEN INSERT",
  "CREATE TABLE x (a INT)",
  "CREATE TEMP TABLE x AS SELECT 1",
  "CREATE OR REPLACE VIEW source_mtu AS SELECT 1",
  "CREATE MACRO f(a) AS a",
  "CREATE SECRET s (TYPE s3)",
  "ALTER TABLE runs ADD COLUMN x INT",
  "COMMENT ON TABLE runs IS 'x'",
  "DROP TABLE runs",
  "DROP VIEW source_mtu",
  "CHECKPOINT",
  "VACUUM",
  "ANALYZE",
  "BEGIN",
  "PREPARE p AS SELECT 1",
  "CALL enable_logging()",
  "CALL enable_logging(storage = 'file', storage_path = 'DATA/log')",
  "SELECT * FROM enable_logging(storage = 'file', storage_path = 'DATA/log')",
  "SELECT * FROM system.main.ENABLE_LOGGING()",
  "SELECT (SELECT count(*) FROM enable_profiling())",
  "WITH x AS (FROM enable_logging()) FROM x",
  "FROM runs LEFT JOIN enable_logging() ON true",
  "FROM query('FROM query(''FROM enable_logging()'')')",
  "FROM force_checkpoint()",
  "SELECT 1; DROP TABLE runs",
  "SELECT 1; SELECT 2",
  "SELECT ?",
  "SELECT $name",
  "",
  " ; ",
  "-- nothing",
  "SELECT 1 \0; DROP TABLE runs",
];

const outside = [
  "SELECT * FROM read_csv('/etc/passwd')",
  "SELECT * FROM read_text('/etc/passwd')",
  "SELECT * FROM read_blob('DATA/../../../etc/passwd')",
  "SELECT * FROM read_json('/proc/self/environ')",
  "SELECT * FROM read_parquet('OUT/x.parquet')",
  "SELECT * FROM read_parquet('https://example.com/x.parquet')",
  "SELECT * FROM read_duckdb('OUT/x.duckdb')",
  "SELECT * FROM glob('/etc/*')",
  "SELECT * FROM glob('DATA/../*')",
  "SELECT * FROM sniff_csv('/etc/passwd')",
  "SELECT * FROM parquet_metadata('/etc/passwd')",
  "SELECT * FROM query('FROM read_text(''/etc/passwd'')')",
  "SELECT * FROM duckdb_secrets()",
];

const harmless = [
  "SELECT 1;",
  "FROM runs -- all of them",
  "/* all */ TABLE runs",
  "VALUES (1), (2)",
  "WITH RECURSIVE n AS (SELECT 1 AS a UNION ALL SELECT a + 1 FROM n WHERE a < 5) FROM n",
  "SHOW TABLES",
  "SHOW ALL TABLES",
  "DESCRIBE source_mtu",
  "SUMMARIZE source_mtu",
  "PIVOT source_mtu ON source_id IN ('0', '1') USING max(mtu) GROUP BY day",
  "UNPIVOT (SELECT 1 AS a, 2 AS b) ON a, b",
  "SELECT 'COPY runs TO ''x''', 'enable_logging'",
  "SELECT day AS enable_logging FROM source_mtu",
  "FROM query('SELECT 1')",
  "SELECT * FROM glob('DATA/*')",
];

for (const from of ["duckdb", "parquet"] as const) {
  describe(`QueryGate over ${from}`, () => {
    const scope = Effect.runSync(Scope.make());
    let query: Query;
    let dataDir: string;

    beforeAll(async () => {
      const opened = Effect.gen(function* () {
        const path = join(yield* directory, "data");
        yield* fill(path);
        return { path, query: yield* openQuery({ dataDir: path, from }) };
      });
      ({ path: dataDir, query } = await Effect.runPromise(Scope.provide(opened, scope)));
    });

    afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)));

    const named = (sql: string) => sql.replaceAll("DATA", dataDir).replaceAll("OUT", dirname(dataDir));
    const show = (sql: string) => JSON.stringify(sql);

    /** Everything that lies there, with the database's bytes. */
    const content = async () => {
      const names = await readdir(dirname(dataDir), { recursive: true });
      return [names.sort(), (await readFile(join(dataDir, "segmeter.duckdb"))).toString("base64")];
    };

    for (const sql of [...writing, ...outside]) {
      it.live(`refuses ${show(sql)}`, () =>
        Effect.gen(function* () {
          const before = yield* Effect.promise(content);
          const copy = query.copyTo(named(sql), join(dirname(dataDir), "copy"), "csv");
          for (const run of [Effect.asVoid(query.run(named(sql))), Effect.asVoid(copy)]) {
            const error = yield* Effect.flip(run);
            assert.strictEqual(error.reason, "Refused");
            assert.isTrue(error.detail.startsWith("A query only reads, and only the data directory: "));
          }
          assert.deepStrictEqual(yield* Effect.promise(content), before);
        }),
      );
    }

    for (const [sql, says] of [
      ["CREATE TABLE x (a INT)", "this is a CREATE statement."],
      ["INSERT INTO nowhere VALUES (1)", "this is an INSERT statement."],
      ["SELECT 1; SELECT 2", "this is more than one statement."],
      ["PIVOT source_mtu ON source_id USING max(mtu)", "values are named: PIVOT … ON column IN (…)"],
      ["FROM enable_logging()", "enable_logging changes settings or files."],
      [" -- ", "there is no statement."],
      ["SELECT ?", "there are no values for its parameters."],
    ] as const) {
      it.live(`says why it refuses ${show(sql)}`, () =>
        Effect.map(Effect.flip(query.run(sql)), (error) => assert.include(error.message, says)),
      );
    }

    for (const sql of harmless) {
      it.live(`runs ${show(sql)}`, () =>
        Effect.gen(function* () {
          const { rows } = yield* query.run(named(sql));
          assert.isNotEmpty(yield* Stream.runCollect(rows));
        }),
      );
    }

    it.live("still answers after all that", () =>
      Effect.gen(function* () {
        const settings = ["TimeZone", "enable_external_access", "lock_configuration", "enable_external_file_cache"];
        const columns = settings.map((name) => `current_setting('${name}')`).join(", ");
        const { rows } = yield* query.run(`SELECT count(*) > 0, ${columns} FROM source_mtu`);
        assert.deepStrictEqual(yield* Stream.runCollect(rows), [[true, "UTC", false, true, false]]);
      }),
    );
  });
}

/** All table functions of the DuckDB version that is pinned. A new one is looked at here before it is let through. */
const known = new Set(
  `arrow_scan arrow_scan_dumb check_peg_parser checkpoint disable_logging disable_peg_parser disable_profiling
  duckdb_approx_database_count duckdb_columns duckdb_connection_count duckdb_constraints duckdb_coordinate_systems
  duckdb_databases duckdb_dependencies duckdb_extensions duckdb_external_file_cache duckdb_functions duckdb_indexes
  duckdb_keywords duckdb_log_contexts duckdb_logs duckdb_memory duckdb_optimizers duckdb_prepared_statements
  duckdb_schemas duckdb_secret_types duckdb_secrets duckdb_sequences duckdb_settings duckdb_table_sample duckdb_tables
  duckdb_temporary_files duckdb_types duckdb_variables duckdb_views enable_logging enable_peg_parser enable_profiling
  force_checkpoint generate_series glob icu_calendar_names json_each json_execute_serialized_sql json_tree
  parquet_bloom_probe parquet_file_metadata parquet_full_metadata parquet_kv_metadata parquet_metadata parquet_scan
  parquet_schema pg_timezone_names pragma_collations pragma_database_size pragma_metadata_info pragma_platform
  pragma_show pragma_storage_info pragma_table_info pragma_user_agent pragma_version query query_table range read_blob
  read_csv read_csv_auto read_duckdb read_json read_json_auto read_json_objects read_json_objects_auto read_ndjson
  read_ndjson_auto read_ndjson_objects read_parquet read_text repeat repeat_row seq_scan sniff_csv sql_auto_complete
  summary test_all_types test_vector_types truncate_duckdb_logs unnest which_secret`.split(/\s+/),
);

describe("QueryGate", () => {
  it("knows every table function that DuckDB has", async () => {
    const sql = "SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_type = 'table'";
    const found = (await ask(":memory:", sql)).map(([name]) => String(name));
    assert.deepStrictEqual(
      found.filter((name) => !known.has(name)),
      [],
    );
    assert.deepStrictEqual(
      refusedFunctions.filter((name) => !found.includes(name)),
      [],
    );
  });
});
