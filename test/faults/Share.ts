/**
 * How much of the matrix is run. `pnpm faults` runs all of it: every fault, at every stage, once and for good, in each choice of
 * sinks. The suite has a share, the same every time, in which every fault comes on every page of a walk, and half of them elsewhere.
 */
import { type Span, spans, type Stage } from "./Expectation.ts";
import { sinkChoices } from "./Setting.ts";
import { type Variant, variantsFor } from "./Variants.ts";

export interface Chosen {
  readonly variant: Variant;
  readonly stage: Stage;
  readonly span: Span;
}

/** Cases that are drawn at random; a number of three digits is the long version of everything. */
export const cases = Number(process.env["FAULTS_CASES"] ?? 2);
export const isLong = cases >= 100;

/** Milliseconds for a test of the long version; each run within it has a bound of its own. */
export const longest = 7_200_000;

/** Where redirects lead: to nobody. */
const nowhere = "http://127.0.0.1:9";

export const variants: ReadonlyArray<Variant> = variantsFor(nowhere).filter(
  ({ isOfMany }) => isLong || isOfMany !== true,
);

const all = (of: ReadonlyArray<Variant>, stages: ReadonlyArray<Stage>): ReadonlyArray<Chosen> =>
  of.flatMap((variant) => stages.flatMap((stage) => spans.map((span) => ({ variant, stage, span }))));

/** For faults that can share a run: each at each stage, with spans and sinks in turn. */
export const sharedRuns = (
  choice: number,
  of: ReadonlyArray<Variant>,
  stages: ReadonlyArray<Stage>,
): ReadonlyArray<Chosen> =>
  isLong
    ? all(of, stages)
    : of.flatMap((variant, row) =>
        stages.flatMap((stage, column) =>
          (row + column) % sinkChoices.length === choice ? [{ variant, stage, span: spans[(row + column) % 2]! }] : [],
        ),
      );

/** By choice of sinks, one fault in so many: opening DuckDB is what takes the time. */
const oneIn = [2, 14, 14];

/** For faults that need a run of their own: some, each at one stage, with stages and spans in turn. */
export const ownRuns = (
  choice: number,
  of: ReadonlyArray<Variant>,
  stages: ReadonlyArray<Stage>,
): ReadonlyArray<Chosen> =>
  isLong
    ? all(of, stages)
    : of.flatMap((variant, row) =>
        row % (oneIn[choice] ?? 1) === 0
          ? [
              {
                variant,
                stage: stages[(row / oneIn[0]! + choice) % stages.length]!,
                span: spans[Math.floor(row / 6) % 2]!,
              },
            ]
          : [],
      );
