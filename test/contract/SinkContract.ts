/**
 * The contract of the sink port, as tests. Every sink registers them with one call, and none is a sink that fails one.
 *
 * What a sink wrote is looked at twice: through the port, and by a reader that the sink did not bring along.
 */
import { describe } from "@effect/vitest";
import { addBooksContract } from "./AddBooksContract.ts";
import { booksContract } from "./BooksContract.ts";
import { inspectContract } from "./InspectContract.ts";
import { refusalContract, replaceContract } from "./ReplaceContract.ts";
import { revisionsContract, revisionsRefusalContract } from "./RevisionsContract.ts";
import { type OpenSink, type SinkContractOptions, sinkTest } from "./SinkStore.ts";
import { valuesContract } from "./ValuesContract.ts";

export type { OpenSink, SinkContractOptions } from "./SinkStore.ts";

export const sinkContract = (name: string, open: OpenSink, options: SinkContractOptions): void => {
  describe(`sink contract: ${name}`, () => {
    const test = sinkTest(open, options);
    valuesContract(test);
    replaceContract(test);
    revisionsContract(test);
    booksContract(test);
    addBooksContract(test);
    inspectContract(test);
    if (options.boundless === true) return;
    refusalContract(test);
    revisionsRefusalContract(test);
  });
};
