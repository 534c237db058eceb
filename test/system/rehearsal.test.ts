/**
 * A rehearsal of nightly runs, by the real command against a service that recounts: across a year end, a leap day and month ends,
 * with figures restated, sources and whole months withdrawn, days that arrive late, nights missed, and runs killed. After every
 * night all that is held is what an independent model says, as it stands and as it was known at any moment before.
 *
 * The nights are the same 90; the suite runs some of them, which makes the others missed ones. `pnpm rehearsal` runs them all.
 */
import { assert, describe, it } from "@effect/vitest";
import { datasetNames, datasets, type Dataset, type Simulator, startSimulator } from "@segmeter/simulator";
import * as Effect from "effect/Effect";
import {
  assertCode,
  type Environment,
  finished,
  jsonLines,
  segmeter,
  start,
  temporaryDirectory,
  until,
  usageCalls,
} from "../../pipelines/test/Command.ts";
import {
  askAll,
  databaseOf,
  monthsFrom,
  type PlainRow,
  readers,
  stamp,
  tableOf,
  truthOf,
} from "../../pipelines/test/Held.ts";
import { NightModel } from "./NightModel.ts";
import { random } from "./Random.ts";

const first = Date.parse("2023-12-20T06:00:00Z");
const allNights = Array.from({ length: 90 }, (_, night) => new Date(first + night * 86_400_000).toISOString());
const always = ["2023-12-20", "2024-01-01", "2024-02-29", "2024-03-01", "2024-03-18"];

const chosen = Number(process.env["REHEARSAL_NIGHTS"] ?? 5);
const seed = Number(process.env["REHEARSAL_SEED"] ?? Date.now() % 1_000_000);
const since = "2023-11";

/** In the order of the table, so that rows of two readers can be held against each other. */
const inOrder = (rows: ReadonlyArray<PlainRow>): ReadonlyArray<PlainRow> =>
  rows.toSorted((a, b) => (textOf(a) < textOf(b) ? -1 : 1));

const textOf = (row: PlainRow): string =>
  JSON.stringify(
    Object.entries(row).toSorted(([a], [b]) => (a < b ? -1 : 1)),
    (_, value) => (typeof value === "bigint" ? String(value) : value),
  );

const stampOf = (moment: string): string => (moment.length === 27 ? moment : stamp(moment));

/** What the service does to its figures before a night. Late days and lost months come back after a while. */
const recount = (simulator: Simulator, draw: () => number, months: ReadonlyArray<string>): void => {
  const workspaceId = simulator.workspaces[0]!.id;
  const below = (end: number) => Math.floor(draw() * end);
  const pick = <A>(list: ReadonlyArray<A>): A => list[below(list.length)]!;
  const sources = simulator.sources(workspaceId);
  for (let change = below(3); change > 0; change--) {
    const month = pick(months.slice(-3));
    const sourceId = pick(sources).id;
    const kind = draw();
    if (kind < 0.4) simulator.restate({ workspaceId, month, sourceId, delta: 1 + below(50), fromDay: 1 + below(25) });
    else if (kind < 0.6)
      simulator.restate({ workspaceId, month, factorPermille: 900 + below(100), fromDay: 1 + below(25) });
    else if (kind < 0.7) simulator.restate({ workspaceId, month, sourceId, withdraw: true });
    else if (kind < 0.8) simulator.restate({ workspaceId, month, lastDay: below(15) });
    else if (kind < 0.85) simulator.restate({ workspaceId, month, lastDay: 0 });
    else simulator.restate({ workspaceId, month, lastDay: 31 });
  }
};

/** A held capture as the ledger has it. */
interface Entry {
  readonly id: string;
  readonly dataset: Dataset;
  readonly month: string;
  readonly at: string;
  readonly rows: bigint;
}

const ledgerOf = async (dataDir: string): Promise<ReadonlyArray<Entry>> =>
  (await readers.DuckDB(dataDir, "captures"))
    .filter((row) => ["captured", "empty", "absent"].includes(String(row["outcome"])))
    .map((row) => ({
      id: String(row["capture_id"]),
      dataset: row["dataset"] as Dataset,
      month: String(row["usage_month"]).slice(0, 7),
      at: String(row["captured_at"]),
      rows: row["rows"] as bigint,
    }))
    .toSorted((a, b) => (a.at < b.at ? -1 : 1));

/** Whether the last of a partition's captures is final: late enough, and no month that has just vanished. */
const isSettled = (entries: ReadonlyArray<Entry>): boolean => {
  const [last, before] = [entries.at(-1), entries.at(-2)];
  if (last === undefined || (last.rows === 0n && (before?.rows ?? 0n) > 0n)) return false;
  const end = new Date(`${last.month}-01T00:00:00Z`);
  end.setUTCMonth(end.getUTCMonth() + 1);
  return last.at >= stamp(new Date(end.getTime() + 7 * 86_400_000).toISOString());
};

describe("nightly runs", () => {
  it.live(
    `${chosen} of 90 nights, seed ${seed}`,
    () =>
      Effect.gen(function* () {
        const draw = random(seed);
        const simulator = yield* startSimulator({ latencyMs: [0, 8], workspaces: [{ sources: 5, from: since }] });
        const { id: workspaceId, token } = simulator.workspaces[0]!;
        const dataDir = yield* temporaryDirectory;
        const models = new Map<string, NightModel>();
        const seen = new Set<string>();
        const forced = allNights.filter((night) => always.includes(night.slice(0, 10)));
        const others = allNights.filter((night) => !forced.includes(night));
        while (forced.length < Math.min(chosen, 90))
          forced.push(...others.splice(Math.floor(draw() * others.length), 1));
        const nights = forced.toSorted();

        /** Takes into the model what was captured since, killed runs included. */
        const learn = Effect.fnUntraced(function* (months: ReadonlyArray<string>) {
          const entries = yield* Effect.promise(() => ledgerOf(dataDir));
          for (const entry of entries.filter(({ id }) => !seen.has(id))) {
            seen.add(entry.id);
            assert.include(months, entry.month);
            const model = models.get(`${entry.dataset} ${entry.month}`) ?? new NightModel();
            models.set(`${entry.dataset} ${entry.month}`, model);
            model.capture(entry.at, truthOf(simulator, workspaceId, entry.dataset, [entry.month]));
          }
          return entries;
        });

        for (const [index, night] of nights.entries()) {
          const month = night.slice(0, 7);
          const months = monthsFrom(since, month);
          simulator.setNow(night);
          if (index > 0) recount(simulator, draw, months);
          const args = ["--data-dir", dataDir, "--json", "--concurrency", "3"];
          const command = index === 0 ? ["backfill", "--from", since, ...args] : ["nightly", ...args];
          const env = (now: string): Environment => ({
            SEGMENT_API_URL: simulator.url,
            SEGMENT_TOKEN: token,
            SEGMETER_NOW: now,
            TZ: index % 2 === 0 ? "Pacific/Kiritimati" : "America/Los_Angeles",
          });
          const at = `night ${night}, seed ${seed}`;

          if (draw() < 0.25) {
            const [before, requests] = [simulator.requests.length, 1 + Math.floor(draw() * 12)];
            yield* Effect.scoped(
              Effect.gen(function* () {
                const running = yield* start(command, { env: env(night) });
                let isOver = false;
                const watching = Effect.runPromise(Effect.tap(running.ended, () => Effect.sync(() => (isOver = true))));
                yield* until("requests are made", () => isOver || simulator.requests.length - before >= requests);
                running.kill("SIGKILL");
                yield* Effect.promise(() => watching);
              }),
            );
          }

          const later = new Date(Date.parse(night) + 3_600_000).toISOString();
          const before = simulator.requests.length;
          const run = yield* segmeter(command, { env: env(later) });
          assertCode(run, 0);
          const entries = yield* learn(months);

          // What it captured is what was open before, each at the least number of calls.
          const captured = jsonLines(run.stdout)
            .filter(({ event }) => event === "partition-captured")
            .map(({ captureId, dataset, usageMonth }) => ({ captureId, label: `${dataset} ${usageMonth}` }));
          const byThisRun = new Set(captured.map(({ captureId }) => captureId));
          const open = months.flatMap((period) =>
            datasetNames.flatMap((dataset) => {
              const older = entries.filter(
                (entry) => entry.dataset === dataset && entry.month === period && !byThisRun.has(entry.id),
              );
              return isSettled(older) ? [] : [`${dataset} ${period}`];
            }),
          );
          assert.sameMembers(
            captured.map(({ label }) => label),
            open,
            at,
          );
          const calls = open.map((label) => {
            const [dataset, period] = label.split(" ") as [Dataset, string];
            return `${datasets[dataset].path} ${period}-01`;
          });
          assert.sameMembers([...usageCalls(simulator, before)], calls, at);

          // What stands and what was superseded, in either sink; and what was known at a capture, just before it, and between.
          const tables = datasetNames.map((dataset) => tableOf[dataset]);
          const own = datasetNames.map((dataset) =>
            months.flatMap((period) => models.get(`${dataset} ${period}`) ?? []),
          );
          const revisions = tables.map((table) => `${table}_revisions`);
          const moments = own.map((parts) => {
            const instants = parts.flatMap((one) => one.instants);
            const instant = instants[Math.floor(draw() * instants.length)]!;
            const between = allNights[Math.floor(draw() * allNights.length)]!.slice(0, 10);
            return [instant, new Date(Date.parse(instant) - 1).toISOString(), `${between}T23:59:59.999999Z`];
          });
          const known = own.flatMap((parts, index) =>
            moments[index]!.map((moment) => ({
              sql: `FROM ${tables[index]!.replace("_daily", "_as_of")}('${moment}')`,
              rows: parts.flatMap((one) => one.asOf(stampOf(moment))),
            })),
          );
          const expected = [
            ...own.map((parts) => parts.flatMap((one) => one.current())),
            ...own.map((parts) => parts.flatMap((one) => one.revisions())),
          ];
          const inDuckDB = yield* Effect.promise(() =>
            askAll(
              [...[...tables, ...revisions].map((table) => `FROM ${table}`), ...known.map(({ sql }) => sql)],
              databaseOf(dataDir),
            ),
          );
          const inParquet = yield* Effect.promise(() =>
            Promise.all([...tables, ...revisions].map((table) => readers["Parquet through DuckDB"](dataDir, table))),
          );
          for (const [index, rows] of expected.entries()) {
            const table = [...tables, ...revisions][index];
            assert.deepStrictEqual(inOrder(inDuckDB[index]!), inOrder(rows), `${table} in DuckDB, ${at}`);
            assert.deepStrictEqual(inOrder(inParquet[index]!), inOrder(rows), `${table} in Parquet, ${at}`);
          }
          for (const [index, { rows, sql }] of known.entries()) {
            const found = inDuckDB[expected.length + index]!;
            const columns = Object.keys(rows[0] ?? {});
            const plain = found.map((row) => Object.fromEntries(columns.map((column) => [column, row[column]])));
            assert.deepStrictEqual(inOrder(plain), inOrder(rows), `${sql}, ${at}`);
          }

          const restated = jsonLines(run.stdout)
            .filter(({ event }) => event === "figures-restated")
            .reduce((sum, line) => sum + Number(line["corrected"]) + Number(line["withdrawn"]), 0);
          assert.strictEqual(restated, finished(run)["revisions"], at);
        }

        const end = { SEGMETER_NOW: "2024-03-19T00:00:00Z", SEGMENT_API_URL: simulator.url };
        assertCode(yield* segmeter(["verify", "--data-dir", dataDir], { env: end }), 0);
        const before = yield* Effect.promise(() => contentsOf(dataDir));
        assertCode(yield* segmeter(["rebuild", "--data-dir", dataDir], { env: end }), 0);
        assert.deepStrictEqual(yield* Effect.promise(() => contentsOf(dataDir)), before);
        assertCode(yield* segmeter(["verify", "--data-dir", dataDir], { env: end }), 0);
      }),
    3_600_000,
  );
});

/** Every table of the database, row for row. */
const contentsOf = async (dataDir: string): Promise<Readonly<Record<string, ReadonlyArray<PlainRow>>>> => {
  const list = "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main' ORDER BY ALL";
  const [tables = []] = await askAll([list], databaseOf(dataDir));
  const names = tables.map((row) => String(row["table_name"]));
  const rows = await askAll(
    names.map((name) => `FROM ${name}`),
    databaseOf(dataDir),
  );
  return Object.fromEntries(names.map((name, index) => [name, inOrder(rows[index]!)]));
};
