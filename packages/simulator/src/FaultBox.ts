/**
 * The faults in force, and the choice of those that hit a request.
 *
 * Guarantees: rules are tried in the order in which they were added; a rule fires `times` times and is then spent; a
 * draw by probability depends on the seed and on how many draws there were, not on the clock.
 */
import * as Result from "effect/Result";
import { type ArmedRule, armRule, type FaultRule } from "./Fault.ts";
import { isPageFault, type PageFault } from "./PageFault.ts";
import { chance } from "./Seed.ts";

/** Adds and removes faults while the service runs. */
export interface FaultControl {
  /** Adds a rule; throws a FaultSyntaxError when it is not one. */
  readonly add: (rule: FaultRule) => void;
  /** Removes every rule, and lets revoked tokens in again. */
  readonly clear: () => void;
  /** The rules added, and how often each has fired. */
  readonly list: () => ReadonlyArray<{ readonly rule: FaultRule; readonly fired: number }>;
}

/** The request that may be hit. */
export interface Target {
  readonly workspaceId: string;
  readonly path: string;
  /** Undefined for a path that has none. */
  readonly month: string | undefined;
  readonly page: number;
  readonly isLast: boolean;
}

/** The faults that hit one request. */
export interface Drawn {
  /** Faults of what the page holds: all that match. */
  readonly page: ReadonlyArray<PageFault>;
  /** The fault of the answer: the first that matches. */
  readonly answer: AnswerFault | undefined;
}

/** A fault of the answer as a whole. */
export type AnswerFault = Exclude<ArmedRule, PageFault>;

/** The faults in force. */
export class FaultBox implements FaultControl {
  /** Tokens that a fault has revoked. */
  readonly revoked = new Set<string>();
  readonly #seed: number;
  readonly #rules: Array<{ readonly rule: ArmedRule; fired: number }> = [];
  #draws = 0;

  constructor(seed: number) {
    this.#seed = seed;
  }

  readonly add = (rule: FaultRule): void => {
    this.#rules.push({ rule: Result.getOrThrow(armRule(rule, String(rule.kind))), fired: 0 });
  };

  readonly clear = (): void => {
    this.#rules.length = 0;
    this.revoked.clear();
  };

  readonly list = (): ReadonlyArray<{ readonly rule: FaultRule; readonly fired: number }> =>
    this.#rules.map((armed) => ({ ...armed }));

  /** Takes the faults that hit this request; each of them has then fired once more. */
  draw(target: Target): Drawn {
    const page: Array<PageFault> = [];
    let answer: AnswerFault | undefined;
    for (const armed of this.#rules) {
      const { rule } = armed;
      const isPage = isPageFault(rule);
      // An answer has one fault; the rules behind it wait for the next request rather than be spent unseen.
      if (armed.fired >= rule.times || !hits(rule, target) || (!isPage && answer !== undefined)) continue;
      if (rule.probability !== undefined && !chance(rule.probability * 1000, this.#seed, "fault", this.#draws++))
        continue;
      armed.fired += 1;
      if (isPage) page.push(rule);
      else answer = rule;
    }
    return { page, answer };
  }
}

function hits(rule: ArmedRule, target: Target): boolean {
  if (rule.path !== undefined && rule.path !== target.path) return false;
  if (rule.month !== undefined && rule.month !== target.month) return false;
  if (rule.workspaceId !== undefined && rule.workspaceId !== target.workspaceId) return false;
  if (rule.page === "last" ? !target.isLast : rule.page !== undefined && rule.page !== target.page) return false;
  // `GET /` answers with no list that such a fault could spoil.
  if (isPageFault(rule) && target.path === "/") return false;
  switch (rule.kind) {
    case "shifted-page":
      return target.page > 0;
    case "bad-row":
      return target.month !== undefined && (rule.variant !== "empty-source-id" || target.path.includes("/sources/"));
    case "conflicting-row":
    case "second-snapshot":
    case "outside-period":
      return target.month !== undefined;
    default:
      return true;
  }
}
