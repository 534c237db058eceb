/**
 * Response bodies, byte for byte as documented.
 *
 * Guarantees: `pagination` is inside `data`; a body never holds both `data` and `errors`; counts are written exactly,
 * as strings or as JSON numbers, also those beyond 2^53, since the text is made here and not by way of doubles.
 */
import { type Dataset, datasets } from "./Dataset.ts";

/** Where a page is in its walk. Source: `data.pagination`. */
export interface Pagination {
  readonly current: string;
  /** Undefined leaves it out. */
  readonly next: string | null | undefined;
  readonly previous: string | null | undefined;
  readonly totalEntries: number | undefined;
}

/** One entry of `errors`. */
export interface WireError {
  readonly type: string;
  readonly message: string;
  readonly field?: string;
  readonly data?: unknown;
}

/** A page of a list that is already JSON text. */
export function pageBody(listKey: string, items: ReadonlyArray<string>, pagination: Pagination): string {
  return `{"data":{"${listKey}":[${items.join(",")}],"pagination":${JSON.stringify(pagination)}}}`;
}

/** Rows of a dataset as JSON texts; `asNumbers` writes counts as number literals. */
export function rowTexts(dataset: Dataset, rows: ReadonlyArray<object | string>, asNumbers: boolean): Array<string> {
  const { counts } = datasets[dataset];
  return rows.map((row) => (asNumbers && typeof row === "object" ? withNumbers(row, counts) : JSON.stringify(row)));
}

/** The body of `GET /`. */
export function workspaceBody(workspace: {
  readonly id: string;
  readonly slug: string;
  readonly name: string;
}): string {
  const { id, slug, name } = workspace;
  return JSON.stringify({ data: { workspace: { id, slug, name } } });
}

/** The body of every refusal. */
export function errorBody(...errors: ReadonlyArray<WireError>): string {
  return JSON.stringify({ errors });
}

/** What a proxy before the service answers when it cannot reach it. */
export const htmlBody =
  "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n" +
  "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n";

function withNumbers(row: object, counts: ReadonlyArray<string>): string {
  const fields = Object.entries(row).map(([name, value]) => {
    const isLiteral = counts.includes(name) && typeof value === "string" && /^-?\d+(\.\d+)?$/.test(value);
    return `${JSON.stringify(name)}:${isLiteral ? value : JSON.stringify(value)}`;
  });
  return `{${fields.join(",")}}`;
}
