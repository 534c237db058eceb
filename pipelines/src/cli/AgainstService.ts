/**
 * `segmeter verify --against-service`: chosen months read from the service again, and compared with what is held.
 */
import {
  type Capture,
  type DatasetName,
  datasetNames,
  Partition,
  type Sink,
  type SinkError,
  UsageMonth,
} from "@segmeter/domain";
import { defaults as flowDefaults, recheck, type Rechecked } from "@segmeter/flow";
import { isTokenRefused, SegmentClient, type SegmentError } from "@segmeter/segment";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import * as Option from "effect/Option";
import * as Result from "effect/Result";
import { write, writeLine } from "./Output.ts";
import { amountOf, restatedFields } from "./RestatementWords.ts";
import { clockSettings, monthOf, type ServiceFlags, serviceSettings } from "./ServiceSettings.ts";
import { type UsageError, usageError } from "./UsageError.ts";

interface CompareFlags extends ServiceFlags {
  readonly from: Option.Option<string>;
  readonly to: Option.Option<string>;
  readonly dataset: ReadonlyArray<DatasetName>;
  readonly json: boolean;
}

/** Whether the service says what the first sink holds, in every chosen partition that is held. Writes a line for each that differs. */
export const compareWithService = Effect.fn("compareWithService")(function* (
  given: CompareFlags,
  [sink]: ReadonlyArray<Sink>,
): Effect.fn.Return<boolean, UsageError | SinkError | SegmentError> {
  const settings = yield* serviceSettings(given);
  const clock = yield* clockSettings(settings.apiUrl);
  const from = yield* monthOf(
    "from",
    Option.getOrElse(given.from, () => ""),
  );
  const to = Option.isSome(given.to) ? yield* monthOf("to", given.to.value) : from;
  if (to < from) return yield* usageError(`--to ${to} is before --from ${from}.`, "Give the earlier month first.");
  if (sink === undefined) return yield* usageError("The data directory holds nothing yet.", "Capture something first.");
  const datasets = given.dataset.length === 0 ? datasetNames : given.dataset;
  const { layerUndici } = yield* Effect.promise(() => import("@effect/platform-node/NodeHttpClient"));
  const service = SegmentClient.layer(settings).pipe(Layer.provide(layerUndici));

  const line = (fields: object, words: string) =>
    given.json ? write(`${JSON.stringify(fields)}\n`) : writeLine(words);

  const compared = Effect.gen(function* () {
    const { id } = yield* (yield* SegmentClient).workspace;
    const chosen = (yield* sink.held(id))
      .filter(({ partition: { dataset, month } }) => from <= month && month <= to && datasets.includes(dataset))
      .toSorted((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1));
    let differing = 0;
    for (const { partition } of chosen) {
      const rows = (yield* sink.read(partition))?.rows ?? [];
      const checked = yield* Effect.result(recheck(partition, rows, { ...flowDefaults, gates: "warn" }));
      if (Result.isSuccess(checked)) {
        if (isSame(checked.success)) continue;
        yield* line(lineOf(checked.success), wordsOf(checked.success));
      } else {
        const error = checked.failure;
        if (error._tag === "SegmentError" && isTokenRefused(error)) return yield* error;
        const place = { workspaceId: partition.workspaceId, dataset: partition.dataset, usageMonth: partition.month };
        const words = `failed: ${Partition.label(partition)}: ${error.message}`;
        yield* line({ event: "compare-failed", ...place, message: error.message }, words);
      }
      differing++;
    }
    const notHeld = UsageMonth.range(from, to).length * datasets.length - chosen.length;
    const words = `${chosen.length} partitions compared with the service, ${differing} differ${notHeld > 0 ? `; ${notHeld} are not held` : ""}.`;
    yield* line({ event: "compare-finished", compared: chosen.length, differing, notHeld }, words);
    return differing === 0;
  });
  return yield* Effect.provide(compared, Layer.mergeAll(service, clock));
});

const orderOf = ({ partition }: Capture.Capture): string =>
  `${partition.month} ${datasetNames.indexOf(partition.dataset)}`;

const isSame = ({ added, restatement }: Rechecked): boolean => added === 0 && restatement === undefined;

const wordsOf = ({ added, partition, restatement }: Rechecked): string => {
  const parts = [
    ...(restatement === undefined ? [] : [amountOf(restatement)]),
    ...(added > 0 ? [`${added} rows that are not held`] : []),
  ];
  return `differs: ${Partition.label(partition)}: ${parts.join("; ")}.`;
};

const lineOf = ({ added, partition, restatement }: Rechecked): object => ({
  event: "partition-differs",
  ...(restatement === undefined
    ? {
        workspaceId: partition.workspaceId,
        dataset: partition.dataset,
        usageMonth: partition.month,
        corrected: 0,
        withdrawn: 0,
        changes: [],
      }
    : restatedFields(restatement)),
  added,
});
