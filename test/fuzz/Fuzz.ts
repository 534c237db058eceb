/**
 * A property as a test: so many made-up cases of it, the same ones for the same seed.
 *
 * Guarantees: a failure says the seed and the path that bring its smallest case back; the long version leaves a row of its table.
 */
import { it } from "@effect/vitest";
import * as FastCheck from "fast-check";
import { leaveRow } from "../SummaryReporter.ts";

/** The suite has a share of what `pnpm fuzz` has. */
const suiteCases = 2_000;
const cases = Number(process.env["FUZZ_CASES"] ?? suiteCases);
const isLong = cases > suiteCases;
// The share of the suite is the same every time; the long version is another every time.
const seed = Number(process.env["FUZZ_SEED"] ?? (isLong ? Date.now() % 1_000_000 : 1));
const path = process.env["FUZZ_PATH"];

/** Declares the test. `perMille`: its share of all cases, by what one of them costs; the shares make up 1,000. */
export const fuzz = <Ts>(name: string, perMille: number, property: FastCheck.IRawProperty<Ts>): void => {
  const numRuns = Math.max(1, Math.round((cases * perMille) / 1_000));
  it(
    name,
    async ({ task }) => {
      const began = performance.now();
      const details = await FastCheck.check(property, { seed, numRuns, ...(path === undefined ? {} : { path }) });
      const seconds = ((performance.now() - began) / 1_000).toFixed(1);
      const result = details.failed ? "failed" : "held";
      if (isLong) leaveRow(task, "fuzz", { property: name, cases: details.numRuns, seconds, result });
      if (details.failed) throw new Error(failureOf(name, details));
    },
    7_200_000,
  );
};

const failureOf = <Ts>(name: string, { counterexample, counterexamplePath, errorInstance, numRuns }: Details<Ts>) =>
  [
    `${name}: failed after ${numRuns} cases.`,
    `Again: FUZZ_SEED=${seed} FUZZ_PATH=${counterexamplePath} FUZZ_CASES=${cases} vitest … -t ${JSON.stringify(name)}`,
    `Case: ${FastCheck.stringify(counterexample).replaceAll(byteList, inText).slice(0, 4_000)}`,
    errorInstance instanceof Error ? ownPart(errorInstance) : String(errorInstance),
  ].join("\n");

/** Without the places in other people's code. */
const ownPart = ({ message, stack = message }: Error): string =>
  stack
    .split("\n")
    .filter((line) => !line.includes("node_modules") && !line.includes("(node:"))
    .join("\n");

const byteList = /(?:Buffer|Uint8Array)\.from\(\[([\d,]*)\]\)/g;

/** Bytes are read best as what they say. */
const inText = (_: string, bytes: string): string =>
  JSON.stringify(Buffer.from(bytes === "" ? [] : bytes.split(",").map(Number)).toString());

type Details<Ts> = FastCheck.RunDetails<Ts>;
