/**
 * `segmeter rejects`: the rows that were set aside, each with its reason.
 */
import { datasetNames } from "@segmeter/domain";
import * as Command from "effect/cli/Command";
import * as Effect from "effect/Effect";
import { existsSync } from "node:fs";
import { readSchemaVersion } from "../SchemaVersion.ts";
import * as Flags from "./Flags.ts";
import { write } from "./Output.ts";
import { renderTable } from "./Table.ts";
import { usageError } from "./UsageError.ts";

/** Characters of a row that a table shows; JSON has it whole. */
const shown = 120;

export const rejects = Command.make(
  "rejects",
  { dataDir: Flags.dataDir, dataset: Flags.dataset, json: Flags.json },
  Effect.fn("rejects")(function* ({ dataDir, dataset, json }) {
    if (!existsSync(dataDir)) {
      return yield* usageError(`There is no data directory ${dataDir}.`, "Name it with --data-dir.");
    }
    yield* readSchemaVersion(dataDir);
    const { readRejects } = yield* Effect.promise(() => import("../index.ts"));
    const wanted = dataset.length === 0 ? datasetNames : dataset;
    const found = (yield* readRejects(dataDir)).filter((reject) => wanted.includes(reject.dataset));
    if (json) {
      const lines = found.map(({ captureId, dataset, month, page, position, reason, row, workspaceId }) =>
        JSON.stringify({
          event: "reject",
          workspaceId,
          dataset,
          usageMonth: month,
          captureId,
          page,
          position,
          reason,
          row,
        }),
      );
      return yield* write(lines.map((line) => `${line}\n`).join(""));
    }
    if (found.length === 0) return yield* write("No rows are set aside.\n");
    const text = (row: unknown): string => {
      const whole = JSON.stringify(row);
      return whole.length > shown ? `${whole.slice(0, shown)}…` : whole;
    };
    yield* write(
      `${renderTable({
        head: ["dataset", "month", "page", "row", "reason", "as sent"],
        rows: found.map(({ dataset, month, page, position, reason, row }) => [
          dataset,
          month,
          String(page),
          String(position),
          reason,
          text(row),
        ]),
        right: new Set([2, 3]),
      })}\n${found.length} rows are set aside.\n`,
    );
  }),
).pipe(
  Command.withDescription(
    "Lists the rows that broke the contract and that --bad-rows quarantine set aside, with page, position, reason and the row as sent. A later capture of the month without bad rows clears them.",
  ),
  Command.withShortDescription("List the rows that were set aside"),
  Command.withExamples([
    { command: "segmeter rejects", description: "All of them" },
    { command: "segmeter rejects --dataset source-mtu --json", description: "Of one dataset, whole, for a program" },
  ]),
);
