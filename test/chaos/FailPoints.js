/**
 * Fail-points: preloaded into the real program (`node --import`), it watches every step that makes something durable, and ends
 * the process with kill -9 before or after the one that is asked for. The program itself has no line for it, and pays nothing.
 *
 * - `FAIL_POINT_LOG`: a file that gets a line for each step, as it is begun
 * - `FAIL_POINT`: `before|after N LABEL`: the N-th step (from 1) of that label in this process
 * - `FAIL_POINT_DIR`: the data directory; only what happens in it, and SQL, counts
 *
 * A label is what is done and to what kind of file, such as `rename parquet/source_mtu_daily/data.parquet`, or `sql COMMIT`.
 */
import fs from "node:fs";
import { registerHooks, syncBuiltinESMExports } from "node:module";
import { relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";

const { FAIL_POINT = "", FAIL_POINT_DIR = ".", FAIL_POINT_LOG } = process.env;
const [, moment, count, wanted] = /^(before|after) (\d+) (.+)$/.exec(FAIL_POINT) ?? [];
const directory = resolve(FAIL_POINT_DIR);
const log = FAIL_POINT_LOG === undefined ? undefined : fs.openSync(FAIL_POINT_LOG, "a");
const writeLine = fs.writeSync;
let left = Number(count);

const die = () => process.kill(process.pid, "SIGKILL");

/** Runs a step, which may be synchronous or not, unless this is its end. */
const step = (label, run) => {
  if (label === undefined) return run();
  if (log !== undefined) writeLine(log, `${label}\n`);
  const isLast = label === wanted && --left === 0;
  if (isLast && moment === "before") die();
  const result = run();
  if (!isLast) return result;
  if (typeof result?.then !== "function") die();
  return result.then(die, die);
};

/** The kind of file, without names that a run makes up; undefined outside the data directory. */
const kindOf = (path) => {
  const name = relative(directory, String(path));
  if (name.startsWith("..")) return undefined;
  return name
    .split(sep)
    .filter((part) => !part.includes("="))
    .map((part) =>
      part
        .replace(/^(?:tmp_)?\.?(.*?)(?:\.\d+)?\.[0-9a-f]{12}\.tmp/, "$1.tmp")
        .replaceAll(/[0-9a-f-]{36}|[0-9a-f]{32}|\d{8,}/g, "ID"),
    )
    .join("/");
};

const wrap = (owner, name, labelOf) => {
  const original = owner[name];
  owner[name] = function (...args) {
    return step(labelOf.call(this, args), () => original.apply(this, args));
  };
};

const named = (what, path) => {
  const kind = kindOf(path);
  return kind === undefined ? undefined : `${what} ${kind}`;
};

// --- files by their path
const { promises } = fs;
for (const name of ["rm", "rmdir", "unlink", "mkdir", "chmod", "truncate", "writeFile", "appendFile"]) {
  wrap(promises, name, ([path]) => named(name, path));
}
for (const name of ["rename", "copyFile", "link"]) wrap(promises, name, ([, to]) => named(name, to));
wrap(fs, "renameSync", ([, to]) => named("rename", to));
wrap(promises, "open", ([path, flags = "r"]) => (/^r$|^rs?$/.test(String(flags)) ? undefined : named("open", path)));

// --- open files
const paths = new WeakMap();
const { open } = promises;
promises.open = async (...args) => {
  const handle = await open(...args);
  paths.set(handle, args[0]);
  return handle;
};
const probe = await open(import.meta.filename);
const handles = Object.getPrototypeOf(probe);
await probe.close();
for (const name of ["write", "writev", "writeFile", "appendFile", "sync", "datasync", "truncate", "chmod"]) {
  wrap(handles, name, function () {
    return paths.has(this) ? named(name, paths.get(this)) : undefined;
  });
}
syncBuiltinESMExports();

// --- SQL: what may change a database, in memory or not
const changes =
  /^\s*(BEGIN|COMMIT|ROLLBACK|INSERT INTO|DELETE FROM|UPDATE|CREATE|ALTER|DROP|COPY|CHECKPOINT)\b(?:\s+([\w.]+))?/i;
const labelOfSql = (sql) => {
  const [, verb, object = ""] = changes.exec(sql) ?? [];
  return verb === undefined ? undefined : `sql ${verb} ${object}`.trim();
};

/** DuckDB by its native functions, which the built program has no copy of; they are read-only where they are. */
const wrapDuckDB = (native) => {
  const duckdb = Object.fromEntries(Object.getOwnPropertyNames(native).map((name) => [name, native[name]]));
  wrap(duckdb, "query", ([, sql]) => labelOfSql(sql));
  const statements = new WeakMap();
  const remember = (statement, sql) => {
    statements.set(statement, sql);
    return statement;
  };
  const { extract_statements, prepare, prepare_extracted_statement } = native;
  duckdb.prepare = async (connection, sql) => remember(await prepare(connection, sql), sql);
  duckdb.extract_statements = async (connection, sql) => {
    const made = await extract_statements(connection, sql);
    remember(made.extracted_statements, sql);
    return made;
  };
  duckdb.prepare_extracted_statement = async (connection, extracted, index) =>
    remember(await prepare_extracted_statement(connection, extracted, index), statements.get(extracted));
  wrap(duckdb, "execute_prepared", ([statement]) => labelOfSql(statements.get(statement) ?? ""));
  for (const name of ["flush", "close"]) wrap(duckdb, `appender_${name}_sync`, () => `appender ${name}Sync`);
  wrap(duckdb, "close_sync", () => "database closeSync");
  return duckdb;
};

const wrapLock = (extensions) => {
  wrap(extensions, "tryLock", () => "lock");
  return extensions;
};

// --- libraries, as they are loaded: a thread that has no use for one need not wait for it
const wrappers = { "/node-bindings/duckdb.js": wrapDuckDB, "/fs-native-extensions/index.js": wrapLock };
globalThis.failPoints = wrappers;
registerHooks({
  load: (url, context, next) => {
    const name = Object.keys(wrappers).find((end) => url.endsWith(end));
    if (name === undefined) return next(url, context);
    const source = fs.readFileSync(fileURLToPath(url), "utf8");
    const wrapped = `${source}\nmodule.exports = failPoints[${JSON.stringify(name)}](module.exports);\n`;
    return { format: "commonjs", source: wrapped, shortCircuit: true };
  },
});
