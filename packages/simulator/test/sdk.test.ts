/**
 * The official SDK reads everything that the simulator serves.
 *
 * It is the one client at hand that was written by the makers of the service, so this is the proof that the simulator
 * was not made to fit a client of ours.
 */
import { assert, describe, it } from "@effect/vitest";
import sdk from "@segment/public-api-sdk-typescript";
import { type Simulator } from "../src/index.ts";
import { withSimulator } from "./Probe.ts";

const months = ["2024-12", "2025-01", "2025-03"];

function open<A extends { accessToken: string | (() => string) }>(
  Api: new (basePath: string) => A,
  simulator: Simulator,
  token: string | undefined = simulator.workspaces[0]?.token,
): A {
  const api = new Api(simulator.url);
  api.accessToken = token ?? "";
  return api;
}

/** Walks with the SDK's own types, which carry class prototypes: plain objects are compared. */
async function walkAll<Row>(
  page: (pagination: { count: number; cursor?: string }) => Promise<{
    readonly rows: ReadonlyArray<Row>;
    readonly pagination: { readonly next?: string | null; readonly totalEntries?: number };
  }>,
  count: number,
): Promise<ReadonlyArray<unknown>> {
  const rows: Array<Row> = [];
  let cursor: string | null | undefined;
  do {
    const read = await page({ count, ...(cursor == null ? {} : { cursor }) });
    rows.push(...read.rows);
    cursor = read.pagination.next;
    if (cursor == null) assert.strictEqual(read.pagination.totalEntries, rows.length);
  } while (cursor != null);
  return JSON.parse(JSON.stringify(rows)) as ReadonlyArray<unknown>;
}

describe("the official SDK", () => {
  it("reads the four usage endpoints over all pages, figure for figure", () =>
    withSimulator({ workspaces: [{ sources: 12, from: "2024-11" }] }, async (simulator) => {
      const id = simulator.workspaces[0]?.id as string;
      const mtu = open(sdk.MonthlyTrackedUsersApi, simulator);
      const calls = open(sdk.APICallsApi, simulator);
      for (const month of months) {
        const period = `${month}-01`;
        const read = {
          "workspace-mtu": await walkAll(async (pagination) => {
            const data = (await mtu.getDailyWorkspaceMTUUsage(period, pagination)).body.data!;
            return { rows: data.dailyWorkspaceMTUUsage, pagination: data.pagination };
          }, 7),
          "source-mtu": await walkAll(async (pagination) => {
            const data = (await mtu.getDailyPerSourceMTUUsage(period, pagination)).body.data!;
            return { rows: data.dailyPerSourceMTUUsage, pagination: data.pagination };
          }, 50),
          "workspace-api-calls": await walkAll(async (pagination) => {
            const data = (await calls.getDailyWorkspaceAPICallsUsage(period, pagination)).body.data!;
            return { rows: data.dailyWorkspaceAPICallsUsage, pagination: data.pagination };
          }, 31),
          "source-api-calls": await walkAll(async (pagination) => {
            const data = (await calls.getDailyPerSourceAPICallsUsage(period, pagination)).body.data!;
            return { rows: data.dailyPerSourceAPICallsUsage, pagination: data.pagination };
          }, 1000),
        } as const;
        for (const dataset of Object.keys(read) as ReadonlyArray<keyof typeof read>) {
          assert.isAbove(read[dataset].length, 0);
          assert.deepStrictEqual(read[dataset], simulator.truth(id, dataset, month));
        }
      }
    }));

  it("reads the workspace and its sources", () =>
    withSimulator({ workspaces: [{}, { sources: 9, token: "second", name: "Zweiter Laden" }] }, async (simulator) => {
      for (const workspace of simulator.workspaces) {
        const { body } = await open(sdk.WorkspacesApi, simulator, workspace.token).getWorkspace();
        const { id, slug, name } = body.data!.workspace;
        assert.deepStrictEqual({ id, slug, name, token: workspace.token }, workspace);
        const sources = open(sdk.SourcesApi, simulator, workspace.token);
        const listed = await walkAll(async (pagination) => {
          const data = (await sources.listSources(pagination)).body.data!;
          return { rows: data.sources, pagination: data.pagination };
        }, 4);
        assert.deepStrictEqual(listed, JSON.parse(JSON.stringify(simulator.sources(workspace.id))));
      }
    }));
});
