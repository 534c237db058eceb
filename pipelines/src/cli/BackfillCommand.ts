/**
 * `segmeter backfill`: captures a range of usage months.
 */
import { now, UsageMonth } from "@segmeter/domain";
import { rangeTargets } from "@segmeter/flow";
import * as Command from "effect/cli/Command";
import * as Flag from "effect/cli/Flag";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import { captureFlags, datasetsOf, runCaptureCommand } from "./CaptureCommand.ts";
import { clockSettings, monthOf, serviceSettings } from "./ServiceSettings.ts";
import { type UsageError, usageError } from "./UsageError.ts";

const flags = {
  from: Flag.String("from").pipe(Flag.withMetavar("YYYY-MM"), Flag.withDescription("First usage month")),
  to: Flag.String("to").pipe(
    Flag.withMetavar("YYYY-MM"),
    Flag.withDescription("Last usage month, included (default: the current one, in UTC)"),
    Flag.optional,
  ),
  ...captureFlags,
};

export const backfill = Command.make(
  "backfill",
  flags,
  Effect.fn("backfill")(function* (given) {
    const settings = yield* serviceSettings(given);
    const clock = yield* clockSettings(settings.apiUrl);
    const months = yield* Effect.provide(monthsOf(given.from, given.to), clock);
    const targets = rangeTargets(months, datasetsOf(given), given.refresh);
    const span = { from: months[0], to: months.at(-1) };
    yield* runCaptureCommand({ name: "backfill", arguments: span, targets: () => targets, settings, clock }, given);
  }),
).pipe(
  Command.withDescription(
    "Captures a range of usage months, both ends included, to Parquet and DuckDB. Months that are held settled are not read again.",
  ),
  Command.withShortDescription("Capture a range of usage months"),
  Command.withExamples([
    { command: "segmeter backfill --from 2024-01 --to 2024-12", description: "A year, to Parquet and DuckDB" },
    {
      command: "segmeter backfill --from 2024-01 --dry-run",
      description: "The plan only, and its least number of calls",
    },
    {
      command: "segmeter backfill --from 2024-01 --dataset source-mtu --sink parquet --json",
      description: "One dataset, Parquet only, for a program to read",
    },
  ]),
);

const monthsOf = (
  fromText: string,
  toText: Option.Option<string>,
): Effect.Effect<ReadonlyArray<UsageMonth.UsageMonth>, UsageError> =>
  Effect.gen(function* () {
    const current = UsageMonth.of(yield* now);
    const from = yield* monthOf("from", fromText);
    const to = Option.isSome(toText) ? yield* monthOf("to", toText.value) : current;
    for (const [flag, month] of [
      ["from", from],
      ["to", to],
    ] as const) {
      if (month > current) {
        return yield* usageError(`--${flag} ${month} is in the future.`, `The current month is ${current}, in UTC.`);
      }
    }
    if (to < from) return yield* usageError(`--to ${to} is before --from ${from}.`, "Give the earlier month first.");
    return UsageMonth.range(from, to);
  });
