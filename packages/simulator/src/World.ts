/**
 * The made-up usage of every workspace, with its restatements.
 *
 * Guarantees: figures depend on the options alone, never on the order of the questions. A month is made when it is first
 * asked for, and forgotten when others were asked for since.
 * Memory: at most 32 months are kept; a month of 1,000 sources takes 1 MB.
 */
import { Bounded } from "./Bounded.ts";
import { businessFigures } from "./BusinessFigures.ts";
import { hugeFigures } from "./HugeFigures.ts";
import { dayAt, type DayNumber, monthAt, type MonthNumber, parseMonth, periodOf, type Period } from "./Month.ts";
import { type Change, lastDayOf, type Restatement, restateSeries } from "./Restatement.ts";
import type { SimulatorConfig } from "./SimulatorConfig.ts";
import { type MonthUsage, type SourceSeries, workspaceFigures } from "./Usage.ts";
import { makeWorkspaces, type Source, type Workspace } from "./Workspace.ts";

/** Everything that the service knows. */
export class World {
  readonly workspaces: ReadonlyArray<Workspace>;
  readonly #config: SimulatorConfig;
  readonly #changes: Array<Change> = [];
  readonly #months = new Bounded<Omit<MonthUsage, "lastDay">>(32);

  constructor(config: SimulatorConfig) {
    this.#config = config;
    this.workspaces = makeWorkspaces(config);
  }

  /** The workspace with this id, or undefined. */
  workspace(id: string): Workspace | undefined {
    return this.workspaces.find((workspace) => workspace.id === id);
  }

  /** How many restatements there were: figures can only differ when this does, or the day. */
  get version(): number {
    return this.#changes.length;
  }

  /** Whether a month lies before what the service keeps. */
  isBeyondRetention(month: MonthNumber, atMs: number): boolean {
    const kept = this.#config.retentionMonths;
    return kept !== undefined && month < monthAt(atMs) - kept;
  }

  /**
   * Usage of one month as it is known at an instant.
   * Shape: `lastDay` is that instant's day at most; nothing when the month has no activity yet, or none any more.
   */
  usage(workspace: Workspace, month: MonthNumber, atMs: number): MonthUsage {
    const changes = this.#changes.filter(
      (change) => change.workspaceId === workspace.id && change.monthNumber === month,
    );
    const key = `${workspace.id} ${month} ${changes.length}`;
    const usage = this.#months.get(key, () => this.#makeMonth(workspace, month, changes));
    const end = usage.period.first + (lastDayOf(changes) ?? Infinity);
    const gone = month < workspace.from || this.isBeyondRetention(month, atMs);
    const lastDay = gone ? usage.period.first - 1 : Math.min(usage.period.end - 1, end - 1, dayAt(atMs));
    return { ...usage, lastDay };
  }

  /** Changes what was reported; throws a RangeError when it names what does not exist. */
  restate(restatement: Restatement): void {
    const workspace = this.workspace(restatement.workspaceId);
    if (workspace === undefined) throw new RangeError(`no workspace ${restatement.workspaceId}`);
    const monthNumber = parseMonth(restatement.month);
    if (monthNumber === undefined) throw new RangeError(`not a month written YYYY-MM: ${restatement.month}`);
    const { sourceId } = restatement;
    if (sourceId !== undefined && !workspace.sources.some(({ id }) => id === sourceId)) {
      throw new RangeError(`no source ${sourceId} in workspace ${workspace.id}`);
    }
    const { factorPermille = 0, delta = 0, fromDay = 1, lastDay = 1 } = restatement;
    if ([factorPermille, Number(delta), fromDay, lastDay].some((number) => !Number.isInteger(number))) {
      throw new RangeError("factorPermille, delta, fromDay and lastDay must be whole numbers");
    }
    if (factorPermille < 0 || fromDay < 1 || lastDay < 0) throw new RangeError("a restatement is out of bounds");
    if (restatement.withdraw === true && sourceId === undefined) throw new RangeError("withdraw needs a sourceId");
    this.#changes.push({ ...restatement, monthNumber });
  }

  #makeMonth(workspace: Workspace, month: MonthNumber, changes: ReadonlyArray<Change>): Omit<MonthUsage, "lastDay"> {
    const period = periodOf(month, this.#config.periodOffsetDays);
    const made = workspace.sources.flatMap((source, rank): ReadonlyArray<SourceSeries> => {
      const firstDay = firstDayIn(source, period);
      if (firstDay === undefined) return [];
      const figures =
        this.#config.counts === "huge"
          ? hugeFigures(rank, period)
          : businessFigures(workspace, source, rank, month, period);
      return [{ source, firstDay, figures }];
    });
    const series = restateSeries(made, changes);
    return { period, series, workspace: workspaceFigures(period, series) };
  }
}

/** First day of the period on which a source has a row; undefined when it has none. */
function firstDayIn(
  { bornOn = -Infinity, diesOn = Infinity, deletedOn = Infinity }: Source,
  period: Period,
): DayNumber | undefined {
  // A source that stopped before the period began counted nobody in it, so the service has no rows.
  if (bornOn >= period.end || diesOn <= period.first || deletedOn <= period.first) return undefined;
  return Math.max(bornOn, period.first);
}
