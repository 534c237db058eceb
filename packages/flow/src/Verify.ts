/**
 * Verify: every sink held against itself, and all of them against each other, row for row. Changes nothing.
 */
import {
  Books,
  type Capture,
  type Fault,
  type FaultKind,
  type Inspection,
  Instant,
  Partition,
  type Sink,
  type SinkError,
  type SinkName,
  usageRowsOf,
  usageTableOf,
} from "@segmeter/domain";
import * as Effect from "effect/Effect";
import * as Result from "effect/Result";
import { isEmpty, lackOf } from "./Level.ts";

/**
 * - `lagging`: one sink holds another capture of a partition, or none
 * - `differing`: two sinks hold the same capture, and not the same rows, or their books differ
 */
export type ProblemKind = FaultKind | "lagging" | "differing";

/** Kinds that are in nobody's way: what is held can be read in spite of them, and they go without a copy. */
export const sweepable: ReadonlySet<ProblemKind> = new Set(["leftover", "pending"]);

export interface Problem {
  /** The sinks that it concerns; of a comparison, all. */
  readonly sinks: ReadonlyArray<SinkName>;
  readonly kind: ProblemKind;
  /** The file, or the table and partition. */
  readonly where: string;
  /** What is wrong, in a sentence. */
  readonly detail: string;
  readonly partition?: Partition.Partition;
  readonly clear?: Fault["clear"];
}

export interface Verified {
  readonly problems: ReadonlyArray<Problem>;
  /** The captures that each sink holds, at fault or not. */
  readonly held: ReadonlyMap<SinkName, ReadonlyMap<string, Capture.Capture>>;
  /** What was looked at, over all sinks. */
  readonly files: number;
  readonly partitions: number;
  readonly rows: number;
}

/** Memory: one partition of each sink, with its revisions, and the books of a workspace. */
export const verify = Effect.fn("Flow.verify")(function* (
  sinks: ReadonlyArray<Sink>,
): Effect.fn.Return<Verified, SinkError> {
  const looked = yield* Effect.forEach(sinks, (sink) => Effect.map(inspect(sink), (found) => ({ sink, ...found })));
  const inspections = looked.flatMap(({ inspection, sink }) =>
    inspection === undefined ? [] : [{ sink, ...inspection }],
  );
  const readable = inspections.map(({ sink }) => sink);
  const own = [
    ...looked.flatMap(({ lost }) => lost ?? []),
    ...inspections.flatMap(({ faults }) => faults.map(({ sink, ...fault }): Problem => ({ sinks: [sink], ...fault }))),
  ];
  const held = new Map(
    inspections.map(({ held: captures, sink }) => [
      sink.name,
      new Map(captures.map((capture) => [Partition.label(capture.partition), capture])),
    ]),
  );
  const partitions = new Map(
    inspections.flatMap(({ held: captures }) =>
      captures.map(({ partition }) => [Partition.label(partition), partition] as const),
    ),
  );
  const faulty = new Set(
    own.flatMap(({ kind, partition }) =>
      partition === undefined || sweepable.has(kind) ? [] : [Partition.label(partition)],
    ),
  );
  const compared: Array<Problem> = [];
  if (readable.length > 1) {
    for (const [label, partition] of partitions) {
      if (!faulty.has(label)) compared.push(...(yield* comparePartition(partition, readable, held)));
    }
    const lagging = new Set(compared.map(({ partition }) => Partition.label(partition!)));
    const isLevel = (partition: Partition.Partition) =>
      !faulty.has(Partition.label(partition)) && !lagging.has(Partition.label(partition));
    compared.push(...(yield* compareBooks(readable, isLevel)));
  }
  return {
    problems: [...own, ...compared],
    held,
    files: inspections.reduce((sum, { files }) => sum + files, 0),
    partitions: partitions.size,
    rows: inspections.reduce((sum, { rows }) => sum + rows, 0),
  };
});

interface Looked {
  readonly inspection?: Inspection;
  readonly lost?: Problem;
}

/** A sink that is damaged as a whole is a problem of its own, and keeps no other from being looked at. */
const inspect = ({ inspect: inspected, name }: Sink): Effect.Effect<Looked, SinkError> =>
  Effect.matchEffect(inspected, {
    onSuccess: (inspection) => Effect.succeed<Looked>({ inspection }),
    onFailure: (error) =>
      error.reason === "Damaged"
        ? Effect.succeed<Looked>({
            lost: { sinks: [name], kind: "unreadable", where: `the ${name} sink`, detail: error.detail },
          })
        : Effect.fail(error),
  });

const comparePartition = Effect.fnUntraced(function* (
  partition: Partition.Partition,
  sinks: ReadonlyArray<Sink>,
  held: Verified["held"],
): Effect.fn.Return<ReadonlyArray<Problem>, SinkError> {
  const where = Partition.label(partition);
  const names = sinks.map(({ name }) => name);
  const captures = names.map((name) => held.get(name)?.get(where));
  if (new Set(captures.map((capture) => capture?.captureId)).size > 1) {
    const told = names.map((name, index) => {
      const capture = captures[index];
      return `${name} holds ${capture === undefined ? "none" : `that of ${Instant.format(capture.capturedAt)}`}`;
    });
    const detail = `The sinks hold different captures: ${told.join(", ")}.`;
    return [{ sinks: names, kind: "lagging", where, detail, partition }];
  }
  const unreadable: Array<Problem> = [];
  const read = yield* Effect.forEach(sinks, (sink) =>
    Effect.zip(
      Effect.map(sink.read(partition), (version) => usageRowsOf(usageTableOf(partition), version?.rows ?? [])),
      sink.revisions(partition),
    ).pipe(
      // What an inspection leaves open, such as a change that was cut off, may turn out to be damaged.
      Effect.catchIf(
        ({ reason }) => reason === "Damaged",
        ({ detail }) => {
          unreadable.push({ sinks: [sink.name], kind: "unreadable", where, detail, partition });
          return Effect.succeed(undefined);
        },
      ),
    ),
  );
  if (unreadable.length > 0) return unreadable;
  const [first, ...others] = read.flatMap((one) => (one === undefined ? [] : [one]));
  const differing = others.flatMap(([rows, revisions]) => [
    ...differenceIn("rows", first![0], rows),
    ...differenceIn("revisions", first![1], revisions),
  ]);
  return differing.length === 0
    ? []
    : [{ sinks: names, kind: "differing", where, detail: `${differing.join(" ")}`, partition }];
});

type Plain = Readonly<Record<string, unknown>>;

const differenceIn = (what: string, a: ReadonlyArray<object>, b: ReadonlyArray<object>): ReadonlyArray<string> => {
  if (a.length !== b.length) return [`${a.length} ${what} here, ${b.length} there.`];
  const odd = a.filter((row, index) => !sameRow(row as Plain, b[index] as Plain));
  return odd.length === 0 ? [] : [`${odd.length} of ${a.length} ${what} differ.`];
};

const sameRow = (a: Plain, b: Plain): boolean => Object.keys(a).every((name) => a[name] === b[name]);

/** The books of a workspace that one sink cannot read are at fault already, and not compared. */
const compareBooks = Effect.fnUntraced(function* (
  sinks: ReadonlyArray<Sink>,
  isLevel: (partition: Partition.Partition) => boolean,
): Effect.fn.Return<ReadonlyArray<Problem>, SinkError> {
  const ids = new Set((yield* Effect.forEach(sinks, (sink) => sink.workspaceIds)).flat());
  const problems: Array<Problem> = [];
  for (const id of ids) {
    const all = yield* Effect.forEach(sinks, (sink) => Effect.result(sink.books(id)));
    const books = all.flatMap((one) => (Result.isSuccess(one) ? [one.success] : []));
    if (books.length < sinks.length) continue;
    const union = books.reduce(Books.merge, Books.empty);
    for (const [index, { name }] of sinks.entries()) {
      const lacks = lackOf(books[index]!, union, ({ partition }) => isLevel(partition));
      if (isEmpty(lacks)) continue;
      const counts = Object.entries(lacks as unknown as Record<string, ReadonlyArray<unknown>>)
        .filter(([, rows]) => rows.length > 0)
        .map(([table, rows]) => `${rows.length} of ${table}`);
      const detail = `${name} lacks rows that another sink has, or has others: ${counts.join(", ")}.`;
      problems.push({ sinks: [name], kind: "differing", where: `the books of workspace ${id}`, detail });
    }
  }
  return problems;
});
