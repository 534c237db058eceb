/** A sink on a thread of its own keeps the contract as one beside it does: nothing is altered, lost or said otherwise on the way. */
import * as Effect from "effect/Effect";
import { join } from "node:path";
import { openSinksInThread } from "../../pipelines/src/index.ts";
import { selectRows } from "./ForeignReader.ts";
import { sinkContract } from "./SinkContract.ts";

sinkContract(
  "duckdb, on a thread",
  (dataDir) =>
    Effect.map(
      openSinksInThread({ dataDir, names: ["duckdb"], encoder: "parquetjs" }, "test"),
      ({ sinks }) => sinks[0]!,
    ),
  { rowsOf: (dataDir, table) => selectRows(join(dataDir, "segmeter.duckdb"), table.name, table) },
);
