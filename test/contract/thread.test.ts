/** A sink on a thread of its own keeps the contract as one beside it does: nothing is altered, lost or said otherwise on the way. */
import { type Sink, usageRowsOf, usageTableOf } from "@segmeter/domain";
import * as Effect from "effect/Effect";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { bundleDirectory, isBundleFresh, threadEntry } from "../../pipelines/scripts/BuiltProgram.js";
import { openSinkThread } from "../../pipelines/src/index.ts";
import { selectRows } from "./ForeignReader.ts";
import { sinkContract } from "./SinkContract.ts";

/** As the command runs it, where it has been built: it starts several times faster. */
const program = pathToFileURL(isBundleFresh() ? resolve(bundleDirectory, "sinkThread.js") : threadEntry);

/** What comes from a thread comes by column; the contract compares rows. */
const byRow = (sink: Sink): Sink => ({
  ...sink,
  read: (partition) =>
    Effect.map(
      sink.read(partition),
      (held) => held && { ...held, rows: usageRowsOf(usageTableOf(partition), held.rows) },
    ),
});

sinkContract(
  "duckdb, on a thread",
  (dataDir) =>
    openSinkThread({ dataDir, names: ["duckdb"], encoder: "parquetjs" }, "test", program).pipe(
      Effect.flatten,
      Effect.map(({ sinks }) => byRow(sinks[0]!)),
    ),
  { rowsOf: (dataDir, table) => selectRows(join(dataDir, "segmeter.duckdb"), table.name, table) },
);
