/**
 * `segmeter nightly`: captures every month that is open.
 */
import { nightlyTargets } from "@segmeter/flow";
import * as Command from "effect/cli/Command";
import * as Flag from "effect/cli/Flag";
import * as Effect from "effect/Effect";
import { captureFlags, datasetsOf, runCaptureCommand } from "./CaptureCommand.ts";
import * as Flags from "./Flags.ts";
import { clockSettings, serviceSettings } from "./ServiceSettings.ts";

export const nightly = Command.make(
  "nightly",
  {
    lookback: Flags.whole("lookback", 0, 1_200).pipe(
      Flag.withMetavar("N"),
      Flag.withDescription("Capture the N months before the current one again, too, settled or not (default: 0)"),
      Flag.withDefault(0),
    ),
    ...captureFlags,
  },
  Effect.fn("nightly")(function* (given) {
    const { lookback, refresh, settleDays } = given;
    const settings = yield* serviceSettings(given);
    const clock = yield* clockSettings(settings.apiUrl);
    const datasets = datasetsOf(given);
    yield* runCaptureCommand(
      {
        name: "nightly",
        arguments: { lookback },
        targets: (ledger, now) => nightlyTargets({ datasets, ledger, now, settleDays, lookback, refresh }),
        settings,
        clock,
      },
      given,
    );
  }),
).pipe(
  Command.withDescription(
    "Captures the current month, and every earlier one that is not settled, with those missed since the last run. Meant for a scheduler: run it once a day, some hours after midnight UTC.",
  ),
  Command.withShortDescription("Capture every month that is open"),
  Command.withExamples([
    { command: "segmeter nightly", description: "What is open, to Parquet and DuckDB" },
    { command: "segmeter nightly --lookback 3", description: "The last three months as well, though they are settled" },
    { command: "segmeter nightly --json --token-file /run/secrets/segment-token", description: "For a scheduler" },
  ]),
);
