/**
 * Figures that look like a business: growth from month to month, weak weekends, a product launch, large and small
 * sources, one that dies.
 *
 * Guarantees: cumulative within the period and never falling; `tied` ≤ `identified`; whole numbers all the way, each
 * intermediate below 2^53, so that every machine makes the same figures.
 */
import { type DayNumber, type MonthNumber, type Period, weekday } from "./Month.ts";
import { between, hash } from "./Seed.ts";
import { type Figures, width } from "./Usage.ts";
import type { Source, Workspace } from "./Workspace.ts";

/** Traffic of a day of the week, of 1000, Sunday first. */
const weekdayPermille = [610, 1020, 1060, 1050, 1030, 980, 640];

/** Traffic on the day of a launch and on the days after it, of 1000. */
const launchPermille = [2800, 2200, 1700, 1400, 1200];

/** The figures of one source in one period, as if it lived through all of it. */
export function businessFigures(
  workspace: Workspace,
  source: Source,
  rank: number,
  month: MonthNumber,
  period: Period,
): Figures {
  const days = period.end - period.first;
  const figures = new BigInt64Array(days * width);
  const { kind, bornOn = period.first } = source;
  const stopsOn = source.diesOn ?? source.deletedOn ?? period.end;
  const visitors = dailyVisitors(workspace, rank, month);
  const seed = hash(workspace.seed, "day", rank);
  let [never, tied, identified, apiCalls] = [0, 0, 0, 0];
  for (let index = 0; index < days; index++) {
    const day = period.first + index;
    if (day >= bornOn && day < stopsOn) {
      const today = Math.floor((visitors * dayPermille(workspace, seed, day)) / 1000);
      // The later in the period, the more of a day's visitors were counted on a day before.
      const fresh = Math.floor((today * 8) / (8 + index));
      never += Math.floor((fresh * kind.never) / 1000);
      tied += Math.floor((fresh * kind.tied) / 1000);
      identified += Math.floor((fresh * kind.tied) / 1000) + Math.floor((fresh * kind.known) / 1000);
      apiCalls += today * kind.callsPerPerson;
    }
    figures.set([BigInt(never), BigInt(tied), BigInt(identified), BigInt(apiCalls)], index * width);
  }
  return figures;
}

/** Visitors of an average day: a long tail over the sources, growing each month. */
function dailyVisitors(workspace: Workspace, rank: number, month: MonthNumber): number {
  const base = Math.floor(24_000 / (rank + 2)) + between(40, 240, workspace.seed, "base", rank);
  const growth = between(1005, 1055, workspace.seed, "growth", rank);
  let permille = 1000;
  for (let elapsed = month - workspace.from; elapsed > 0; elapsed--) {
    // Bounded, so that a workspace of many decades stays below 2^53.
    permille = Math.min(Math.ceil((permille * growth) / 1000), 100_000);
  }
  return Math.floor((base * permille) / 1000);
}

function dayPermille(workspace: Workspace, seed: number, day: DayNumber): number {
  const ofWeek = weekdayPermille[weekday(day)] as number;
  const ofLaunch = launchPermille[day - workspace.launchOn] ?? 1000;
  const noise = between(930, 1070, seed, day);
  return Math.floor((Math.floor((ofWeek * ofLaunch) / 1000) * noise) / 1000);
}
