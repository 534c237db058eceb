/**
 * Who is in the made-up world: workspaces, their sources, and when each source lives.
 *
 * Guarantees: made from the seed and the position alone, so the same options give the same names everywhere. Write keys
 * and settings hold `CANARY`, so that a test can prove that they never leave the `/sources` answer.
 */
import { dayMs, type DayNumber, firstDay, type MonthNumber, parseMonth } from "./Month.ts";
import { between, chance, hash, identifier, pick } from "./Seed.ts";
import { type SimulatorConfig, tokenOf } from "./SimulatorConfig.ts";
import { type SourceKind, sourceKinds } from "./SourceKinds.ts";

/** The word in every made-up secret. */
export const canary = "CANARY";

/**
 * A source as `/sources` lists it.
 * Source: GET /sources, an entry of `data.sources`.
 */
export interface WireSource {
  readonly id: string;
  readonly slug: string;
  /** Absent for some, as in the service. */
  readonly name?: string;
  readonly workspaceId: string;
  readonly enabled: boolean;
  readonly metadata: {
    readonly id: string;
    readonly name: string;
    readonly slug: string;
    readonly description: string;
    readonly logos: { readonly default: string };
    readonly options: ReadonlyArray<never>;
    readonly categories: ReadonlyArray<string>;
    readonly isCloudEventSource: boolean;
  };
  readonly labels: ReadonlyArray<{ readonly key: string; readonly value: string }>;
  /** Secrets. */
  readonly writeKeys: ReadonlyArray<string>;
  /** May hold secrets. */
  readonly settings: Readonly<Record<string, unknown>>;
}

/** A source and its life. */
export interface Source {
  readonly id: string;
  readonly kind: SourceKind;
  /** First day with activity; undefined when it was there from the first month on. */
  readonly bornOn: DayNumber | undefined;
  /** First day with no new activity, though the source stays listed. */
  readonly diesOn: DayNumber | undefined;
  /** First day on which `/sources` no longer lists it; usage of that month stays. */
  readonly deletedOn: DayNumber | undefined;
  readonly wire: WireSource;
}

/** A workspace and its sources. */
export interface Workspace {
  readonly id: string;
  readonly slug: string;
  readonly name: string;
  readonly tokens: ReadonlyArray<string>;
  readonly from: MonthNumber;
  /** Seeds everything about this workspace. */
  readonly seed: number;
  /** First day of a product launch, when traffic leaps. */
  readonly launchOn: DayNumber;
  /** Shape: unique by id; the order in which the service lists them. */
  readonly sources: ReadonlyArray<Source>;
}

const brands = ["Kiosk & Co", "Morgenrot", "Café Lumière", "Northwind Goods", 'Tabletop "Deluxe"', "Ōkawa Supply"];

/** Makes up the workspaces that the options ask for. */
export function makeWorkspaces(config: SimulatorConfig): ReadonlyArray<Workspace> {
  return config.workspaces.map((options, index) => {
    const seed = hash(config.seed, "workspace", index);
    const id = options.id ?? identifier(22, seed, "workspace id");
    const name = options.name ?? pick(brands, seed, "brand");
    const from = parseMonth(options.from) as MonthNumber;
    return {
      id,
      slug: options.slug ?? `${slugOf(name)}-${index + 1}`,
      name,
      tokens: [tokenOf(config, index), ...options.moreTokens],
      from,
      seed,
      launchOn: firstDay(from + between(3, 5, seed, "launch month")) + between(8, 19, seed, "launch day"),
      sources: Array.from({ length: options.sources }, (_, at) => makeSource(id, seed, from, at, options.sources)),
    };
  });
}

function makeSource(workspaceId: string, seed: number, from: MonthNumber, at: number, count: number): Source {
  const kind = at === 0 ? (sourceKinds[0] as SourceKind) : pick(sourceKinds, seed, "kind", at);
  const diesOn = count >= 4 && at === count - 2 ? firstDay(from + 2) + 13 : undefined;
  const deletedOn = count >= 4 && at === count - 1 ? firstDay(from + 1) + 19 : undefined;
  const late = count >= 4 && at % 5 === 2 && diesOn === undefined && deletedOn === undefined;
  const bornOn = late ? firstDay(from) + between(10, 330, seed, "birth", at) : undefined;
  const id = identifier(22, seed, "source id", at);
  return { id, kind, bornOn, diesOn, deletedOn, wire: wireSource(workspaceId, seed, id, kind, at) };
}

/**
 * The sources that the service lists on a day.
 * Shape: in the order of the workspace; without those not yet created and those deleted, whose usage stays.
 */
export function listedSources(workspace: Workspace, day: DayNumber): ReadonlyArray<WireSource> {
  return workspace.sources
    .filter(({ bornOn, deletedOn }) => (bornOn ?? day) <= day && day < (deletedOn ?? Infinity))
    .map(({ diesOn, wire }) => (day < (diesOn ?? Infinity) ? wire : { ...wire, enabled: false }));
}

function wireSource(workspaceId: string, seed: number, id: string, kind: SourceKind, at: number): WireSource {
  const environment = pick(["Production", "Production", "Staging", "EU"], seed, "environment", at);
  const name = `${pick(kind.uses, seed, "use", at)} (${environment})`;
  return {
    id,
    slug: `${slugOf(name)}-${at + 1}`,
    ...(chance(140, seed, "nameless", at) ? {} : { name }),
    workspaceId,
    enabled: true,
    metadata: {
      id: identifier(10, hash(7, kind.slug), "metadata"),
      name: kind.name,
      slug: kind.slug,
      description: `Events from ${kind.name}.`,
      logos: { default: `https://cdn.example/${kind.slug}.svg` },
      options: [],
      categories: kind.categories,
      isCloudEventSource: kind.cloudEvents,
    },
    labels: chance(700, seed, "labelled", at) ? [{ key: "environment", value: environment.toLowerCase() }] : [],
    writeKeys: [`${canary}-write-key-${identifier(32, seed, "write key", at)}`],
    settings: {
      createdAt: new Date(between(17_000, 19_000, seed, "created", at) * dayMs).toISOString(),
      apiSecret: `${canary}-secret-${identifier(24, seed, "secret", at)}`,
    },
  };
}

function slugOf(name: string): string {
  return name
    .normalize("NFD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "_")
    .replace(/^_+|_+$/g, "");
}
