/**
 * Made-up books for the contract suite: of everything that stands around the figures, something.
 */
import type { Name, Run, Sink } from "@segmeter/domain";
import * as Effect from "effect/Effect";
import { sampleHistory } from "./Histories.ts";
import { partition, sampleCapture, sampleWithout } from "./Samples.ts";

export const noon = 1_704_110_400_000_001;

export const names = (workspaceId: string, seenAt: number, ...ids: ReadonlyArray<string>): Name.Names => ({
  workspace: { id: workspaceId, slug: "slug", name: `“${workspaceId}”` },
  sources: ids.map((id) => ({ id, slug: `s-${id}`, name: id, type: "web", enabled: true, labels: [] })),
  seenAt,
});

export const run = (id: string, workspaceId: string, started: number): Run.Run => ({
  runId: id,
  workspaceId,
  command: "backfill",
  arguments: { note: `"quoted" 😀` },
  version: "1.2.3",
  started,
});

/** Books with something of everything, in an order that is none. */
export const fillBooks = Effect.fnUntraced(function* (sink: Sink, workspaceId: string) {
  const of = partition("source-mtu", "2024-01", workspaceId);
  for (const { history, superseded } of sampleHistory(of)) yield* sink.replace(history, superseded);
  yield* sink.replace(sampleWithout(partition("workspace-mtu", "2024-02", workspaceId), "empty"));
  yield* sink.record(sampleCapture(of, { outcome: "failed", state: "open", capturedAt: noon }));
  yield* sink.saveNames(names(workspaceId, noon, "s2", "s1", "～", "😀"));
  yield* sink.saveRun(run("later", workspaceId, noon + 2));
  yield* sink.saveRun(run("first", workspaceId, noon + 1));
});
