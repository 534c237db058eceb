/** The order of the test files: those that take minutes first, so that at the end no worker waits for one of them. */
import { BaseSequencer, type TestSpecification } from "vitest/node";

const longest = ["chaos/", "environment/", "faults/", "fuzz/", "system/", "verify.test", "contract/"];

const rankOf = ({ moduleId }: TestSpecification): number => {
  const rank = longest.findIndex((part) => moduleId.includes(`/test/${part}`));
  return rank < 0 ? longest.length : rank;
};

export default class LongestFirst extends BaseSequencer {
  override async sort(files: Array<TestSpecification>): Promise<Array<TestSpecification>> {
    return (await super.sort(files)).toSorted((a, b) => rankOf(a) - rankOf(b));
  }
}
