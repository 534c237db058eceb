/**
 * Whether a walk gets on. Cursors are opaque, so a service may give ever new ones for the same rows, and a walk would have no end.
 */
import { type Columns, isColumns } from "@segmeter/domain";
import type { UsagePage } from "@segmeter/segment";

/** Days that arrive while pages are walked shift them, so that one row may begin two pages in a row; but not this often. */
const mostAlike = 3;

/** For one walk: whether a page that begins with this row still gets it on. An empty page begins with nothing. Memory: a row a page. */
export const makeAdvance = (): ((rows: UsagePage["rows"]) => boolean) => {
  const begun = new Map<string, number>();
  return (rows) => {
    const beginning = isColumns(rows) ? firstOf(rows) : (JSON.stringify(rows[0]) ?? "");
    const times = (begun.get(beginning) ?? 0) + 1;
    begun.set(beginning, times);
    return times <= mostAlike;
  };
};

const firstOf = ({ data }: Columns): string =>
  data.map(({ texts, values }) => (texts.length === 0 ? values[0] : texts[Number(values[0])])).join();
