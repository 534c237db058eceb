/**
 * What names the ids in the figures: the workspace and its sources. Never their write keys or settings.
 */
import { dayOf, type EpochMicros } from "./Instant.ts";
import type { SourceRow, WorkspaceRow } from "./Table.ts";

export interface Workspace {
  readonly id: string;
  readonly slug: string;
  readonly name: string;
}

export interface Source {
  readonly id: string;
  readonly slug: string;
  /** The slug where the source has no name. */
  readonly name: string;
  /** Slug of the kind of source, such as `javascript`. */
  readonly type: string;
  readonly enabled: boolean;
  readonly labels: ReadonlyArray<{ readonly key: string; readonly value: string }>;
}

/** What one run saw of a workspace: all its sources, or none when they could not be read. */
export interface Names {
  readonly workspace: Workspace;
  readonly sources: ReadonlyArray<Source>;
  readonly seenAt: EpochMicros;
}

/** The row of `workspaces`; `held` is the one it replaces. */
export const workspaceRow = (names: Names, held: WorkspaceRow | undefined): WorkspaceRow => {
  const { id, name, slug } = names.workspace;
  return seenAgain(held, { id, slug, name, first_seen: names.seenAt, last_seen: names.seenAt });
};

/**
 * The row as it is seen now. To the day: a further run on the same UTC day that sees nothing new leaves the row as it is, so
 * that a repeated run changes no names.
 */
const seenAgain = <R extends WorkspaceRow | SourceRow>(held: R | undefined, seen: R): R => {
  if (held === undefined) return seen;
  const now = { ...seen, first_seen: Math.min(held.first_seen, seen.first_seen) };
  const isSame = (Object.keys(now) as Array<keyof R>).every((name) => name === "last_seen" || held[name] === now[name]);
  return isSame && dayOf(held.last_seen) >= dayOf(now.last_seen)
    ? held
    : { ...now, last_seen: Math.max(held.last_seen, now.last_seen) };
};

/**
 * The rows of `sources` after a run, ordered by id: the sources seen now, and the held ones that are gone, which keep their
 * old `last_seen` (figures still refer to them).
 */
export const sourceRows = (names: Names, held: ReadonlyArray<SourceRow>): ReadonlyArray<SourceRow> => {
  const rows = new Map(held.map((row) => [row.id, row]));
  for (const { enabled, id, labels, name, slug, type } of names.sources) {
    rows.set(
      id,
      seenAgain(rows.get(id), {
        id,
        slug,
        name,
        type,
        enabled,
        labels: JSON.stringify(labels),
        first_seen: names.seenAt,
        last_seen: names.seenAt,
      }),
    );
  }
  return [...rows.values()].sort(byId);
};

const byId = (a: { readonly id: string }, b: { readonly id: string }): number =>
  a.id < b.id ? -1 : a.id > b.id ? 1 : 0;

/** Two books' rows of the same names as one: from the first time seen to the last, called what they were called last. */
export const mergeRows = <R extends WorkspaceRow | SourceRow>(
  a: ReadonlyArray<R>,
  b: ReadonlyArray<R>,
): ReadonlyArray<R> => {
  const rows = new Map(a.map((row) => [row.id, row]));
  for (const row of b) {
    const other = rows.get(row.id) ?? row;
    const later = row.last_seen > other.last_seen ? row : other;
    rows.set(row.id, { ...later, first_seen: Math.min(row.first_seen, other.first_seen) });
  }
  return [...rows.values()].sort(byId);
};
