/**
 * `segmeter verify`: files, ledger and DuckDB held against each other, or what is held against the service.
 */
import * as Command from "effect/cli/Command";
import * as Flag from "effect/cli/Flag";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import { existsSync } from "node:fs";
import type { DirectoryReport } from "../VerifyDirectory.ts";
import { compareWithService } from "./AgainstService.ts";
import { Incomplete } from "./ExitCode.ts";
import * as Flags from "./Flags.ts";
import { say, write, writeLine } from "./Output.ts";
import { usageError } from "./UsageError.ts";

const flags = {
  dataDir: Flags.dataDir,
  sink: Flags.sink,
  repair: Flag.Boolean("repair").pipe(
    Flag.withDescription("Mend what can be mended without losing anything, and say what was done"),
    Flag.withDefault(false),
  ),
  againstService: Flag.Boolean("against-service").pipe(
    Flag.withDescription("Read held months from the service again, and compare; nothing is written. Needs --from"),
    Flag.withDefault(false),
  ),
  from: Flag.String("from").pipe(
    Flag.withMetavar("YYYY-MM"),
    Flag.withDescription("First month to compare with the service"),
    Flag.optional,
  ),
  to: Flag.String("to").pipe(
    Flag.withMetavar("YYYY-MM"),
    Flag.withDescription("Last month to compare, included (default: --from alone)"),
    Flag.optional,
  ),
  dataset: Flags.dataset,
  ...Flags.service,
  json: Flags.json,
};

export const verify = Command.make(
  "verify",
  flags,
  Effect.fn("verify")(function* (given) {
    const { againstService, dataDir, json, repair } = given;
    if (!existsSync(dataDir)) {
      return yield* usageError(`There is no data directory ${dataDir}.`, "Name it with --data-dir.");
    }
    if (againstService ? repair || Option.isNone(given.from) : Option.isSome(given.from) || Option.isSome(given.to)) {
      return yield* usageError(
        againstService && repair
          ? "--against-service writes nothing, so there is nothing to --repair."
          : "--against-service goes with --from, and with --to.",
        "Example: segmeter verify --against-service --from 2024-01 --to 2024-03.",
      );
    }
    yield* Effect.scoped(
      Effect.gen(function* () {
        const { openToVerify, verifyDirectory } = yield* Effect.promise(() => import("../index.ts"));
        const { names, notes, parquet } = yield* openToVerify(dataDir, given.sink, repair);
        yield* Effect.forEach(notes, (note) => say(`note: ${note}`));
        const report = yield* verifyDirectory({ dataDir, parquet, names, repair });
        yield* tell(report, json, repair);
        const isSound = report.left.length === 0;
        const isSame = !againstService || (yield* compareWithService(given, report.sinks));
        if (!isSound || !isSame) return yield* Effect.fail(new Incomplete());
      }),
    );
  }),
).pipe(
  Command.withDescription(
    "Holds each Parquet file against its footer and checksum, Parquet against DuckDB row for row, the ledger against what is held, and revisions against captures. Ends with 1 if anything is not as it should be.",
  ),
  Command.withShortDescription("Check that what is held is whole"),
  Command.withExamples([
    { command: "segmeter verify", description: "Check everything, change nothing" },
    { command: "segmeter verify --repair", description: "Mend a sink from the other, and sweep leftovers" },
    {
      command: "segmeter verify --against-service --from 2024-01 --to 2024-03",
      description: "Does the service still say what is held?",
    },
  ]),
);

const tell = ({ actions, checked, found, left }: DirectoryReport, json: boolean, repair: boolean) =>
  Effect.gen(function* () {
    const keys = new Set(left.map(({ kind, where }) => `${kind} ${where}`));
    const line = (fields: object, words: string) => (json ? write(`${JSON.stringify(fields)}\n`) : writeLine(words));
    for (const { detail, kind, sinks, where } of found) {
      const mended = repair && !keys.has(`${kind} ${where}`);
      yield* line(
        { event: "problem-found", sinks, kind, where, detail, mended },
        `${mended ? "mended" : "problem"}: ${kind}: ${where}: ${detail}`,
      );
    }
    for (const action of actions) yield* line({ event: "repaired", action }, `done: ${action}`);
    const { files, partitions, rows } = checked;
    const sum =
      found.length === 0
        ? "all is as it should be"
        : `${found.length} problems${repair ? `, ${left.length} of them left` : ""}`;
    yield* line(
      { event: "verify-finished", files, partitions, rows, problems: found.length, left: left.length },
      `${partitions} partitions, ${files} files, ${rows} rows checked: ${sum}.`,
    );
  });
