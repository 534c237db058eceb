/**
 * The main job without a token: a simulated service in this process, a backfill of one of its years by the real command line, and
 * the first answers from DuckDB.
 */
import { startSimulator } from "@segmeter/simulator";
import * as NodeRuntime from "@effect/platform-node/NodeRuntime";
import * as NodeServices from "@effect/platform-node/NodeServices";
import * as Console from "effect/Console";
import * as Effect from "effect/Effect";
import { rm } from "node:fs/promises";
import { main } from "./cli/Main.ts";

const dataDir = "./segmeter-demo";

const monthly = `
SELECT usage_month AS month, mtu, mtu - lag(mtu) OVER (ORDER BY usage_month) AS growth, identified, never_identified
FROM workspace_mtu_monthly ORDER BY month`;

const topSources = `
SELECT source_name AS source, max(mtu) AS largest_month, arg_max(usage_month, mtu) AS "in"
FROM source_mtu_monthly GROUP BY ALL ORDER BY largest_month DESC LIMIT 10`;

/** Runs a command as typed, and ends with its code if it is not 0. */
const command = (...args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const shown = args.map((arg) =>
      /[\s"*]/.test(arg) ? `"${arg.trim().replaceAll(/\s+/g, " ").replaceAll('"', '\\"')}"` : arg,
    );
    yield* Console.log(`\n$ segmeter ${shown.join(" ")}`);
    const code = yield* main(args);
    if (code !== 0) return yield* Effect.die(`segmeter ended with exit code ${code}`);
  });

const demo = Effect.gen(function* () {
  const simulator = yield* startSimulator({ workspaces: [{ sources: 40, from: "2024-01" }] });
  process.env["SEGMENT_API_URL"] = simulator.url;
  process.env["SEGMENT_TOKEN"] = simulator.workspaces[0]!.token;
  yield* Effect.promise(() => rm(dataDir, { recursive: true, force: true }));

  yield* Console.log("A simulated Segment workspace with 40 sources; its figures are made up.");
  yield* command("backfill", "--from", "2024-01", "--to", "2024-12", "--data-dir", dataDir);
  yield* Console.log("\nMTU by month:");
  yield* command("query", monthly, "--data-dir", dataDir);
  yield* Console.log("\nTop sources (sources overlap: their sum is no total):");
  yield* command("query", topSources, "--data-dir", dataDir);
  yield* Console.log(
    `\nThe data is in ${dataDir}. Ask it more: npx -y pnpm@12.21.0 segmeter query "SHOW TABLES" --data-dir ${dataDir}`,
  );
});

NodeRuntime.runMain(Effect.scoped(demo).pipe(Effect.provide(NodeServices.layer)));
