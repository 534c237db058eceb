/**
 * What a run is to make of a fault, told from the fault's nature, its stage and how long it lasts: a model, which knows nothing of
 * what any run did.
 */
import type { Nature, Variant } from "./Variants.ts";

/** Where a run is when the fault strikes. */
export const usageStages = ["first page", "middle page", "last page"] as const;
export const listingStages = ["first page of the sources", "last page of the sources"] as const;
export type Stage = (typeof usageStages)[number] | (typeof listingStages)[number] | "workspace";

/** Once, or for as long as the run goes on. */
export const spans = ["once", "always"] as const;
export type Span = (typeof spans)[number];

export type Expected =
  /** What is held is what the service would say without the fault. */
  | { readonly outcome: "truth" }
  /** The partition fails by this name, and what was held stays. */
  | { readonly outcome: "failed" | "forbidden"; readonly gate: string }
  /** The service has nothing of the month; what was held are revisions. */
  | { readonly outcome: "absent" }
  /** The figures are the truth; the sources' names are those of before, and the run says so. */
  | { readonly outcome: "nameless" }
  /** As the truth, but that the names of some sources may be those of before. */
  | { readonly outcome: "incomplete names" }
  /** The whole run ends with 3, or else with 1, and what was held stays. */
  | { readonly outcome: "ended"; readonly code: 1 | 3 };

const truth: Expected = { outcome: "truth" };

/** Faults of what a page holds; `GET /` answers with none. */
const ofPages: ReadonlySet<Nature> = new Set(["doubt", "loop", "shift", "contradiction"]);

export const isUsage = (stage: Stage): boolean => usageStages.some((one) => one === stage);

export const expectation = (variant: Variant, stage: Stage, span: Span): Expected => {
  if (!strikes(variant, stage)) return truth;
  if (variant.nature === "refusal") return { outcome: "ended", code: 3 };
  if (isRecovered(variant, stage, span)) return truth;
  if (stage === "workspace") return { outcome: "ended", code: 1 };
  return isUsage(stage) ? failure(variant, stage) : withoutNames(variant);
};

/** Whether there is anything at this stage that the fault could spoil. */
export const strikes = ({ nature, rule }: Variant, stage: Stage): boolean => {
  if (stage === "workspace") return !ofPages.has(nature) && rule.kind !== "unknown-field";
  if (nature === "shift") return !stage.startsWith("first");
  return isUsage(stage) || (nature !== "contradiction" && rule.kind !== "second-snapshot");
};

const isRecovered = ({ nature, rule }: Variant, stage: Stage, span: Span): boolean => {
  switch (nature) {
    case "harmless":
      return true;
    case "transient":
      // A list of one level is all that the workspace's answer and the sources' names are read from.
      return span === "once" || (rule.kind === "deep-body" && !isUsage(stage));
    case "doubt":
      // Names are listed once; no total is held against them.
      return isUsage(stage) ? span === "once" : rule.kind === "wrong-total";
    case "shift":
      // The last page, started early, is followed by a last page, and so on.
      return span === "once" || !stage.startsWith("last");
    case "loop":
      // From the first page the way back is the same page again, and then on.
      return span === "once" && stage.startsWith("first");
    default:
      return false;
  }
};

const failure = ({ gate, nature }: Variant, stage: Stage): Expected =>
  nature === "absence" && stage === "first page"
    ? { outcome: "absent" }
    : { outcome: gate === "Forbidden" ? "forbidden" : "failed", gate };

const withoutNames = ({ rule }: Variant): Expected => ({
  outcome: rule.kind === "dropped-rows" ? "incomplete names" : "nameless",
});
