/**
 * Kinds of source that businesses connect, and how their traffic looks.
 * Source: the kinds are named after entries of Segment's public source catalogue; the shares are made up.
 */

/** A kind of source. */
export interface SourceKind {
  readonly name: string;
  readonly slug: string;
  readonly categories: ReadonlyArray<string>;
  /** What teams call such a source. */
  readonly uses: ReadonlyArray<string>;
  /** Of 1000 new people: visitors who never say who they are, visitors who later do, and people known from the start. */
  readonly never: number;
  readonly tied: number;
  readonly known: number;
  /** API calls for each new person of a day. */
  readonly callsPerPerson: number;
  /** Whether the vendor's servers send the events, rather than the customer's. */
  readonly cloudEvents: boolean;
}

const web: ReadonlyArray<string> = ["Website"];
const mobile: ReadonlyArray<string> = ["Mobile"];
const server: ReadonlyArray<string> = ["Server"];

/** The kinds of source that workspaces have; the first is the most common. */
export const sourceKinds: ReadonlyArray<SourceKind> = [
  kind("Javascript", "javascript", web, ["Storefront", "Landing Pages", "Checkout", "Help Centre"], 610, 250, 60, 11),
  kind("iOS", "ios", mobile, ["Shopper App", "Courier App"], 290, 420, 130, 19),
  kind("Android", "android", mobile, ["Shopper App", "Courier App"], 340, 390, 120, 17),
  kind("Node.js", "node-js", server, ["Orders API", "Billing Worker", "Sign-up Service"], 20, 60, 780, 6),
  kind("Go", "go", server, ["Ledger", "Search Gateway"], 10, 40, 820, 5),
  kind("Python", "python", server, ["Recommendations", "Data Science Jobs"], 15, 70, 760, 4),
  kind("HTTP API", "http-api", server, ["Points of Sale", "Partner Feed"], 120, 90, 610, 3),
  kind("Stripe", "stripe", ["Payments"], ["Payments"], 0, 0, 540, 2, true),
  kind("Zendesk", "zendesk", ["Helpdesk"], ["Support"], 0, 0, 310, 2, true),
  kind("Salesforce", "salesforce", ["CRM"], ["Accounts"], 0, 0, 420, 1, true),
];

function kind(
  name: string,
  slug: string,
  categories: ReadonlyArray<string>,
  uses: ReadonlyArray<string>,
  never: number,
  tied: number,
  known: number,
  callsPerPerson: number,
  cloudEvents = false,
): SourceKind {
  return { name, slug, categories, uses, never, tied, known, callsPerPerson, cloudEvents };
}
