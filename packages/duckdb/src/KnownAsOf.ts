/**
 * The plain names of tables, views and macros, over tables that have another name: for queries of the figures as they were known
 * at an instant.
 */
import { datasets, type Instant, tables } from "@segmeter/domain";
import { macroStatements, type Naming, rowsAsOf } from "./DuckDBMacros.ts";
import { viewStatements } from "./DuckDBViews.ts";
import { quoteName } from "./Quote.ts";

/**
 * Defines them in the current schema. The usage tables, and so the views, have the rows as they were known at `asOf`, each with
 * its own `observed_at`; the other tables, and the macros, are what they are without it.
 */
export const asOfStatements = (asOf: Instant.EpochMicros, stored: Naming): ReadonlyArray<string> => {
  const instant = `make_timestamp(${BigInt(asOf)})`;
  const known = new Map<string, string>(datasets.map((dataset) => [dataset.table, rowsAsOf(dataset, instant, stored)]));
  return [
    ...tables.map((table) => {
      const query = known.get(table.name) ?? `SELECT * FROM ${stored(table)}`;
      return `CREATE VIEW ${quoteName(table.name)} AS ${query}`;
    }),
    ...viewStatements(),
    ...macroStatements(stored),
  ];
};
