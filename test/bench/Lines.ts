/** What a benchmark found, line by line: measured beside promised, printed as it comes and as one table at the end. */

/** One line of the table. Without a bound it only tells. */
interface Line {
  readonly what: string;
  readonly measured: string;
  readonly promised: string;
  readonly isKept: boolean;
}

const lines: Array<Line> = [];

export const tell = (what: string, measured: string, promised = "", isKept = true): void => {
  lines.push({ what, measured, promised, isKept });
  process.stderr.write(`${isKept ? " " : "!"} ${what}: ${measured}${promised === "" ? "" : ` (${promised})`}\n`);
};

export const atMost = (what: string, value: number, bound: number, unit: string, digits = 2): void =>
  tell(what, `${value.toFixed(digits)}${unit}`, `≤ ${bound}${unit}`, value <= bound);

export const atLeast = (what: string, value: number, bound: number, unit: string, digits = 2): void =>
  tell(what, `${value.toFixed(digits)}${unit}`, `≥ ${bound}${unit}`, value >= bound);

export const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

export const mebibytes = (bytes: number): number => bytes / 2 ** 20;

export const areKept = (): boolean => lines.every(({ isKept }) => isKept);

/** As Markdown. */
export const table = (): string => {
  const rows = [
    ["", "measured", "promised"],
    ["---", "---:", "---:"],
    ...lines.map(({ isKept, measured, promised, what }) => [
      `${isKept ? "" : "**broken:** "}${what}`,
      measured,
      promised,
    ]),
  ];
  return `${rows.map((cells) => `| ${cells.join(" | ")} |`).join("\n")}\n`;
};
