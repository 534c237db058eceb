/**
 * What names the ids in the figures: the workspace and its sources. Never their write keys or settings.
 */
import type { EpochMicros } from "./Instant.ts";
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
export const workspaceRow = (names: Names, held: WorkspaceRow | undefined): WorkspaceRow => ({
  id: names.workspace.id,
  slug: names.workspace.slug,
  name: names.workspace.name,
  first_seen: held?.first_seen ?? names.seenAt,
  last_seen: names.seenAt,
});

/**
 * The rows of `sources` after a run, ordered by id: the sources seen now, and the held ones that are gone, which keep their
 * old `last_seen` (figures still refer to them).
 */
export const sourceRows = (names: Names, held: ReadonlyArray<SourceRow>): ReadonlyArray<SourceRow> => {
  const rows = new Map(held.map((row) => [row.id, row]));
  for (const { enabled, id, labels, name, slug, type } of names.sources) {
    rows.set(id, {
      id,
      slug,
      name,
      type,
      enabled,
      labels: JSON.stringify(labels),
      first_seen: rows.get(id)?.first_seen ?? names.seenAt,
      last_seen: names.seenAt,
    });
  }
  return [...rows.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
};
