/**
 * SQL as text: over our tables and DuckDB's functions, by a small grammar; statements that write; and what is left of either
 * after something in it was changed.
 *
 * `DATA` stands for the data directory, `OUT` for the one above it.
 */
import * as FastCheck from "fast-check";

const { constantFrom, oneof, tuple } = FastCheck;

type Text = FastCheck.Arbitrary<string>;

const tables = [
  "source_mtu_daily",
  "workspace_mtu",
  "source_mtu",
  "captures",
  "runs",
  "sources",
  "source_api_calls_daily",
];
const columns = [
  "day",
  "source_id",
  "anonymous",
  "identified",
  "workspace_id",
  "snapshot_at",
  "usage_month",
  "nothing",
];

const path: Text = constantFrom(
  "/etc/passwd",
  "OUT/secret.csv",
  "DATA/../secret.csv",
  "DATA/x.csv",
  "DATA/segmeter.duckdb",
  "DATA/parquet/*/*/*/*.parquet",
  "OUT/*",
  "file:OUT/secret.csv",
  "http://127.0.0.1:9/x.csv",
  "s3://bucket/x.parquet",
  "/proc/self/environ",
  "/dev/stdin",
  "DATA/a.db",
  "md:",
  ":memory:",
);

const literal: Text = oneof(
  constantFrom(
    "NULL",
    "0",
    "-1",
    "1",
    "7",
    "100",
    "9223372036854775807",
    "1e308",
    "0.1",
    "true",
    "''",
    "'a'",
    "'é🎉'",
    "[]",
  ),
  constantFrom(
    "[1, 2]",
    "{'a': 1}",
    "MAP {'a': 1}",
    "DATE '2024-01-02'",
    "TIMESTAMP 'infinity'",
    "INTERVAL 1 DAY",
    "'NaN'::DOUBLE",
  ),
  constantFrom(
    "'\\xAA'::BLOB",
    "'101'::BIT",
    "uuid()",
    "170141183460469231731687303715884105727",
    "'{\"a\": [1]}'::JSON",
    "x -> x",
  ),
  path.map((text) => `'${text}'`),
);

const expression = (functions: ReadonlyArray<string>): Text =>
  FastCheck.letrec<{ readonly value: string }>((tie) => ({
    value: oneof(
      { maxDepth: 3, depthIdentifier: "sql" },
      literal,
      constantFrom(...columns),
      tuple(constantFrom(...functions), FastCheck.array(tie("value"), { maxLength: 3 })).map(
        ([name, values]) => `"${name}"(${values.join(", ")})`,
      ),
      tuple(
        tie("value"),
        constantFrom("+", "-", "*", "/", "%", "||", "=", "<", "IS NOT DISTINCT FROM", "LIKE", "->", "IN"),
        tie("value"),
      ).map((parts) => `(${parts.join(" ")})`),
      tuple(
        tie("value"),
        constantFrom(
          "BIGINT",
          "DATE",
          "TIMESTAMPTZ",
          "VARCHAR",
          "HUGEINT",
          "DECIMAL(38,10)",
          "INT[]",
          "UUID",
          "TIME",
          "VARIANT",
        ),
      ).map(([value, type]) => `TRY_CAST(${value} AS ${type})`),
      tie("value").map((value) => `(SELECT ${value})`),
    ),
  })).value;

/** Reads, as far as it is SQL at all. */
const reading = (scalar: ReadonlyArray<string>, table: ReadonlyArray<string>): Text => {
  const value = expression(scalar);
  const source = oneof(
    { weight: 3, arbitrary: constantFrom(...tables) },
    {
      weight: 3,
      arbitrary: tuple(
        constantFrom(...table),
        FastCheck.array(oneof(literal, constantFrom("storage = 'file'", "'runs'")), { maxLength: 3 }),
      ).map(([name, values]) => `"${name}"(${values.join(", ")})`),
    },
    { weight: 1, arbitrary: path.map((text) => `'${text}'`) },
    { weight: 1, arbitrary: value.map((one) => `(VALUES (${one}))`) },
  );
  return oneof(
    value.map((one) => `SELECT ${one}`),
    source.map((one) => `FROM ${one} LIMIT 20`),
    tuple(value, source, value).map(([one, from, where]) => `SELECT ${one} FROM ${from} WHERE ${where} LIMIT 20`),
    tuple(constantFrom("count", "sum", "max", "list", "arg_max", "histogram"), value, constantFrom(...tables)).map(
      ([name, one, from]) => `SELECT source_id, ${name}(${one}) FROM ${from} GROUP BY ALL ORDER BY ALL`,
    ),
    tuple(source, source).map(([a, b]) => `FROM ${a} AS a POSITIONAL JOIN ${b} AS b LIMIT 20`),
    source.map((one) => `SUMMARIZE FROM ${one}`),
    constantFrom(...tables).map((one) => `DESCRIBE ${one}`),
    tuple(constantFrom(...tables), value).map(
      ([from, one]) => `SELECT *, row_number() OVER (ORDER BY ${one}) FROM ${from} QUALIFY true LIMIT 9`,
    ),
  );
};

/** Changes something, or would. */
const writing = (settings: ReadonlyArray<string>): Text =>
  oneof(
    tuple(
      constantFrom("runs", "(SELECT 42)", "(FROM source_mtu)"),
      path,
      constantFrom("", " (FORMAT parquet)", " (FORMAT json)", " (PARTITION_BY (a))"),
    ).map(([what, to, how]) => `COPY ${what} TO '${to}'${how}`),
    path.map((from) => `COPY runs FROM '${from}'`),
    tuple(path, constantFrom("", " AS other", " (READ_ONLY)", " (TYPE sqlite)")).map(
      ([from, how]) => `ATTACH '${from}'${how}`,
    ),
    constantFrom("httpfs", "json", "icu", "parquet", "'DATA/x.duckdb_extension'", "spatial FROM community").map(
      (name) => `INSTALL ${name}`,
    ),
    constantFrom("httpfs", "json", "'OUT/x.duckdb_extension'").map((name) => `LOAD ${name}`),
    tuple(constantFrom("SET", "SET GLOBAL", "SET SESSION", "PRAGMA"), constantFrom(...settings), literal).map(
      ([verb, name, value]) => `${verb} ${name} = ${value}`,
    ),
    constantFrom(...settings).map((name) => `RESET ${name}`),
    tuple(constantFrom("TABLE", "VIEW", "TEMP TABLE", "OR REPLACE TABLE"), constantFrom("x", "runs", "source_mtu")).map(
      ([kind, name]) => `CREATE ${kind} ${name} AS SELECT 1 AS a`,
    ),
    constantFrom(
      "CREATE MACRO f(a) AS a",
      "CREATE SCHEMA s",
      "CREATE SEQUENCE q",
      "CREATE TYPE t AS ENUM ('a')",
      "CREATE SECRET (TYPE s3)",
      "CREATE INDEX i ON runs (run_id)",
    ),
    constantFrom(
      "INSERT INTO runs FROM runs",
      "DELETE FROM runs",
      "UPDATE runs SET version = 'x'",
      "TRUNCATE captures",
      "DROP TABLE runs",
      "DROP VIEW source_mtu",
      "ALTER TABLE runs ADD COLUMN x INT",
    ),
    constantFrom(
      "CHECKPOINT",
      "FORCE CHECKPOINT",
      "VACUUM",
      "ANALYZE",
      "BEGIN",
      "COMMIT",
      "EXPORT DATABASE 'DATA/e'",
      "IMPORT DATABASE 'DATA/e'",
      "USE temp",
      "DETACH segmeter",
      "SET VARIABLE a = 1",
    ),
    constantFrom(
      "CALL enable_logging()",
      "CALL force_checkpoint()",
      "CALL pragma_version()",
      "PRAGMA enable_profiling",
      "CALL enable_logging(storage_path = 'DATA/log', storage = 'file')",
    ),
    constantFrom(
      "PREPARE p AS SELECT 1",
      "EXECUTE p",
      "DEALLOCATE p",
      "SET VARIABLE x = (SELECT 1)",
      "MERGE INTO runs USING runs r ON true WHEN MATCHED THEN DELETE",
      "COMMENT ON TABLE runs IS 'x'",
    ),
  );

/** The same in something else, or with something around it. */
const dressed = (inner: Text): Text =>
  oneof(
    { weight: 6, arbitrary: inner },
    {
      weight: 4,
      arbitrary: tuple(
        inner,
        constantFrom<readonly [string, string]>(
          ["/* ", " */"],
          ["-- \n", ""],
          ["/* a */ ", " -- b"],
          ["EXPLAIN ", ""],
          ["EXPLAIN ANALYZE ", ""],
          ["DESCRIBE ", ""],
          ["SUMMARIZE ", ""],
          ["SELECT 1; ", ""],
          ["", "; SELECT 1"],
          ["", ";;;"],
          ["WITH x AS (", ") FROM x"],
          ["FROM (", ")"],
          ["(", ")"],
          ["\u00a0\u2003", "\ufeff"],
          ["BEGIN; ", "; COMMIT"],
          ["SELECT (", ")"],
          ["FROM query('", "')"],
          ["FROM query_table('", "')"],
          ["CREATE TEMP TABLE y AS ", ""],
          ["COPY (", ") TO 'DATA/y.csv'"],
          ["SELECT 1 UNION ALL ", ""],
          ["PREPARE p AS ", ""],
          ["SELECT ')) ", ""],
        ),
      ).map(
        ([text, [before, after]]) => `${before}${before.includes("'") ? text.replaceAll("'", "''") : text}${after}`,
      ),
    },
    {
      weight: 3,
      arbitrary: tuple(
        inner,
        FastCheck.nat(200),
        FastCheck.nat(20),
        FastCheck.oneof(
          FastCheck.string({ unit: "binary", maxLength: 4 }),
          constantFrom("'", '"', ";", "(", ")", "--", "/*", "$$", "?", "\0", "\n"),
        ),
      ).map(([text, at, lost, more]) => text.slice(0, at) + more + text.slice(at + lost)),
    },
  );

export interface Vocabulary {
  readonly scalar: ReadonlyArray<string>;
  readonly table: ReadonlyArray<string>;
  readonly settings: ReadonlyArray<string>;
}

/** Of the functions that look like tables, those that may do more than read, in something that reads. */
const acting = (table: ReadonlyArray<string>): Text =>
  tuple(
    constantFrom(...table.filter((name) => /^(enable|disable|checkpoint|force|truncate)/.test(name))),
    constantFrom("", "storage = 'file', storage_path = 'DATA/log'"),
  ).map(([name, given]) => `FROM ${name}(${given})`);

export const sqlText = ({ scalar, settings, table }: Vocabulary): Text =>
  oneof(
    { weight: 4, arbitrary: dressed(acting(table)) },
    { weight: 6, arbitrary: dressed(reading(scalar, table)) },
    { weight: 5, arbitrary: dressed(writing(settings)) },
    { weight: 1, arbitrary: FastCheck.string({ unit: "binary" }) },
    {
      weight: 1,
      arbitrary: FastCheck.integer({ min: 1, max: 3_000 }).map(
        (depth) => `SELECT ${"(".repeat(depth)}1${")".repeat(depth)}`,
      ),
    },
  );
