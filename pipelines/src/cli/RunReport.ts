/**
 * Tells a person, or a program, how a run goes: progress on a terminal, lines otherwise, JSON on request.
 */
import { Partition } from "@segmeter/domain";
import type { FlowEvent } from "@segmeter/flow";
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import type { CaptureRunResult, OnFinish } from "../CaptureRun.ts";
import { inWords } from "./Duration.ts";
import { finishedLine, lineOf } from "./JsonLines.ts";
import { printableLine } from "./Printable.ts";
import { sentenceOf } from "./RestatementWords.ts";

export interface RunReport {
  readonly onEvent: (event: FlowEvent) => Effect.Effect<void>;
  readonly onFinish: OnFinish;
}

const out = (text: string): void => void process.stdout.write(`${text}\n`);
const err = (text: string): void => void process.stderr.write(`${printableLine(text)}\n`);

const figure = new Intl.NumberFormat("en-US");

/** `throttledMs`: how long the run has waited for the limit so far. */
export const makeRunReport = (options: {
  /** Such as `nightly`; begins the line that sums it up. */
  readonly command: string;
  readonly json: boolean;
  readonly dryRun: boolean;
  readonly throttledMs: Effect.Effect<number>;
}): Effect.Effect<RunReport, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { command, dryRun, json } = options;
    const startedAt = yield* Clock.currentTimeMillis;
    const spinner = json || dryRun || !process.stderr.isTTY ? undefined : yield* makeSpinner;
    const done = { partitions: 0, of: 0, rows: 0, pages: 0 };
    const say = (text: string): void => {
      spinner?.clear();
      err(text);
    };

    const showProgress = Effect.gen(function* () {
      if (spinner === undefined) return;
      const elapsed = (yield* Clock.currentTimeMillis) - startedAt;
      const waited = yield* options.throttledMs;
      const left = done.partitions === 0 ? undefined : (elapsed / done.partitions) * (done.of - done.partitions);
      spinner.text = [
        `${done.partitions} of ${done.of} partitions`,
        `${figure.format(done.rows)} rows`,
        `${figure.format(done.pages)} pages`,
        `waited ${inWords(waited)}`,
        ...(left === undefined ? [] : [`${inWords(left)} left`]),
      ].join(" · ");
    });

    const count = (event: FlowEvent): void => {
      switch (event._tag) {
        case "RunPlanned":
          done.of = event.captures;
          break;
        case "PageRead":
          done.pages++;
          done.rows += event.rows;
          break;
        case "PartitionCaptured":
        case "PartitionFailed":
          done.partitions++;
          break;
        default:
      }
    };

    return {
      onEvent: (event) =>
        Effect.gen(function* () {
          count(event);
          const line = json ? lineOf(event) : undefined;
          if (line !== undefined) out(JSON.stringify(line));
          for (const text of wordsOf(event)) say(text);
          yield* showProgress;
        }),
      onFinish: (result, isWhole) =>
        Effect.gen(function* () {
          spinner?.stop();
          const elapsed = (yield* Clock.currentTimeMillis) - startedAt;
          if (json) out(JSON.stringify(finishedLine(result)));
          if (!dryRun) (json ? err : out)(`${command}: ${isWhole ? "" : "ended early: "}${summaryOf(result, elapsed)}`);
        }),
    };
  });

const makeSpinner = Effect.acquireRelease(
  Effect.map(
    Effect.promise(() => import("ora")),
    // Keys typed meanwhile, Ctrl-C among them, are left to the terminal.
    ({ default: ora }) => ora({ text: "planning", discardStdin: false }).start(),
  ),
  (spinner) => Effect.sync(() => spinner.stop()),
);

/** Worth a person's attention, whatever the form of output. */
const wordsOf = (event: FlowEvent): ReadonlyArray<string> => {
  switch (event._tag) {
    case "RunPlanned":
      return [
        `${event.captures} partitions to capture, ${event.skipped} held already; ${event.leastRequests} calls for usage at least.`,
      ];
    case "PartitionFailed":
      return [`failed: ${Partition.label(event.capture.partition)}: ${event.message}`];
    case "PartitionCaptured":
      return event.capture.warnings
        .filter(({ gate }) => gate !== "unknown-field")
        .map(({ gate, message }) => `warning: ${Partition.label(event.capture.partition)}: ${gate}: ${message}`);
    case "NamesUnread":
      return [`warning: the names of the sources could not be read: ${event.message}`];
    case "UnknownFieldsSeen":
      return event.fields.map(
        ({ datasets, name }) =>
          `warning: the service sends a field that segmeter does not know: ${name} (${datasets.join(", ")}).`,
      );
    case "FiguresRestated":
      return [sentenceOf(event.restatement)];
    default:
      return [];
  }
};

const summaryOf = ({ totals }: CaptureRunResult, elapsedMs: number): string => {
  const { absent, captured, empty, failed, requests, retries, revisions, rows, skipped, throttledMs } = totals;
  const parts = [
    `${captured} partitions captured (${figure.format(rows)} rows)`,
    ...(empty > 0 ? [`${empty} empty`] : []),
    ...(absent > 0 ? [`${absent} absent`] : []),
    `${skipped} held already`,
    ...(revisions > 0 ? [`${figure.format(revisions)} rows restated`] : []),
    `${failed} failed`,
  ];
  return `${parts.join(", ")}; ${requests} requests, ${retries} of them retries, in ${inWords(elapsedMs)}, ${inWords(throttledMs)} of it waiting for the rate limit.`;
};
