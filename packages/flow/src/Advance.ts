/**
 * Whether a walk gets on. Cursors are opaque, so a service may give ever new ones for the same rows, and a walk would have no end.
 */

/** Days that arrive while pages are walked shift them, so that one row may begin two pages in a row; but not this often. */
const mostAlike = 3;

/** For one walk: whether a page that begins with this row still gets it on. An empty page begins with nothing. Memory: a row a page. */
export const makeAdvance = (): ((rows: ReadonlyArray<unknown>) => boolean) => {
  const begun = new Map<string, number>();
  return ([first]) => {
    const beginning = JSON.stringify(first) ?? "";
    const times = (begun.get(beginning) ?? 0) + 1;
    begun.set(beginning, times);
    return times <= mostAlike;
  };
};
