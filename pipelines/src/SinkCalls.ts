/**
 * Calls of a sink that is on another thread, as messages: what goes there and what comes back. Rows go by column, for to copy them
 * one by one would cost more than to write them. What is said of a failure is what the user is told; its causes stay where they are.
 */
import {
  type Capture,
  type Columns,
  columnsOf,
  type Partition,
  type Revision,
  revisionTableOf,
  type Rows,
  type Sink,
  type SinkError,
  sinkError,
  type SinkName,
  type Table,
  toRows,
  usageTableOf,
} from "@segmeter/domain";
import * as Effect from "effect/Effect";

/** A method of the sink port. */
export type Method = Exclude<keyof Sink, "name">;

export interface Call {
  readonly id: number;
  readonly sink: SinkName;
  readonly method: Method;
  readonly args: ReadonlyArray<unknown>;
}

/** A `SinkError` without its cause. */
export type Failure = Pick<SinkError, "operation" | "reason" | "detail" | "hint">;

export type Answer =
  | { readonly id: number; readonly _tag: "Done"; readonly value: unknown }
  | { readonly id: number; readonly _tag: "Failed"; readonly failure: Failure }
  | { readonly id: number; readonly _tag: "Died"; readonly message: string };

export const failureOf = ({ detail, hint, operation, reason }: SinkError): Failure => ({
  operation,
  reason,
  detail,
  hint,
});

export const errorOf = ({ detail, hint, operation, reason }: Failure): SinkError =>
  sinkError(operation, reason, detail, { hint });

/** A partition with its rows by column. */
interface Packed {
  readonly capture: Capture.Capture;
  readonly rows: Columns;
  readonly unchangedFrom?: string | undefined;
}

/** The rows of a capture go to every sink, and are packed once. */
const packed = new WeakMap<object, Columns>();

const packRows = (table: Table, rows: Rows): Columns => {
  const columns = packed.get(rows) ?? columnsOf(table, rows);
  packed.set(rows, columns);
  return columns;
};

const pack = ({ capture, rows, unchangedFrom }: Capture.Handed): Packed => ({
  capture,
  ...(unchangedFrom === undefined ? {} : { unchangedFrom }),
  rows: packRows(usageTableOf(capture.partition), rows),
});

type PackedSuperseded = Omit<Capture.Superseded, "revisions"> & { readonly revisions: Columns };

const packSuperseded = ({ capture }: Capture.Handed, { revisions, ...rest }: Capture.Superseded): PackedSuperseded => ({
  ...rest,
  revisions: packRows(revisionTableOf(capture.partition), revisions),
});

const unpackSuperseded = ({ capture }: Packed, { revisions, ...rest }: PackedSuperseded): Capture.Superseded => ({
  ...rest,
  revisions: unpackRevisions(capture.partition, revisions),
});

const unpackRevisions = (partition: Partition.Partition, revisions: Columns): ReadonlyArray<Revision> =>
  toRows(revisionTableOf(partition), revisions) as unknown as ReadonlyArray<Revision>;

/** Whatever cannot be packed is the row's fault, and refused as a sink would refuse it. */
const packing = <A>(run: () => A): Effect.Effect<A, SinkError> =>
  Effect.try({ try: run, catch: (cause) => cause as SinkError });

/** A sink whose every method is a call. `send`: the method's result as {@link answer} gives it, or its failure. */
export const remoteSink = (
  name: SinkName,
  send: <A>(method: Method, ...args: ReadonlyArray<unknown>) => Effect.Effect<A, SinkError>,
): Sink => ({
  name,
  held: (workspaceId) => send("held", workspaceId),
  read: (partition) => send<Packed | undefined>("read", partition),
  revisions: (partition) =>
    Effect.map(send<Columns>("revisions", partition), (packed) => unpackRevisions(partition, packed)),
  replace: (captured, superseded) =>
    Effect.flatMap(
      packing(() => [pack(captured), superseded && packSuperseded(captured, superseded)]),
      (args) => send("replace", ...args),
    ),
  record: (capture) => send("record", capture),
  captures: (workspaceId) => send("captures", workspaceId),
  saveNames: (names) => send("saveNames", names),
  saveRun: (run) => send("saveRun", run),
  workspaceIds: send("workspaceIds"),
  books: (workspaceId) => send("books", workspaceId),
  addBooks: (workspaceId, books) => send("addBooks", workspaceId, books),
  inspect: send("inspect"),
});

/** Carries a call out on the sink itself. */
export const answer = (sink: Sink, { args, method }: Call): Effect.Effect<unknown, SinkError> => {
  switch (method) {
    case "read": {
      const [partition] = args as Parameters<Sink["read"]>;
      return Effect.flatMap(sink.read(partition), (captured) => packing(() => captured && pack(captured)));
    }
    case "revisions": {
      const [partition] = args as Parameters<Sink["revisions"]>;
      return Effect.flatMap(sink.revisions(partition), (found) =>
        packing(() => columnsOf(revisionTableOf(partition), found)),
      );
    }
    case "replace": {
      const [packed, superseded] = args as readonly [Packed, PackedSuperseded | undefined];
      return sink.replace(packed, superseded && unpackSuperseded(packed, superseded));
    }
    default: {
      const member = sink[method] as Effect.Effect<unknown, SinkError> | ((...given: typeof args) => typeof member);
      return typeof member === "function" ? (member(...args) as Effect.Effect<unknown, SinkError>) : member;
    }
  }
};
