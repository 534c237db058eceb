/**
 * Command lines: built from the flags and choices that the program's own help names, and garbage.
 */
import * as FastCheck from "fast-check";
import type { Sessions } from "./Sessions.ts";

const { constant, constantFrom, oneof, tuple } = FastCheck;

interface Flag {
  readonly name: string;
  /** As the help has it: `choice`, `integer`, `YYYY-MM`, …; empty for one that takes no value. */
  readonly kind: string;
  readonly choices: ReadonlyArray<string>;
}

export interface Grammar {
  readonly commands: ReadonlyArray<string>;
  readonly flags: ReadonlyMap<string, ReadonlyArray<Flag>>;
}

/** Asks the program for its help. */
export const readGrammar = async ({ run }: Sessions): Promise<Grammar> => {
  const { stdout } = await run(["--help"]);
  const [, listed = ""] = /SUBCOMMANDS\n((?: {2}.*\n)+)/.exec(stdout) ?? [];
  const commands = listed
    .trimEnd()
    .split("\n")
    .map((line) => line.trim().split(" ")[0]!);
  const flags = new Map<string, ReadonlyArray<Flag>>();
  for (const command of commands) flags.set(command, flagsIn((await run([command, "--help"])).stdout));
  return { commands, flags };
};

const flagsIn = (help: string): ReadonlyArray<Flag> =>
  [...help.matchAll(/^ {2}--([\w-]+)(?:, -\w)?(?: (\S+))? {2,}(.*)$/gm)].map(
    ([, name = "", kind = "", about = ""]) => ({
      name,
      kind,
      choices: /\(choices: ([^)]+)\)/.exec(about)?.[1]?.split(", ") ?? [],
    }),
  );

const garbage: FastCheck.Arbitrary<string> = oneof(
  FastCheck.string({ unit: "binary", maxLength: 20 }).map((text) => text.replaceAll("\0", "")),
  constantFrom(
    "",
    " ",
    "-",
    "--",
    "---",
    "--=",
    "-x",
    "--from",
    "=",
    "\u001b[31m",
    "a\nb",
    "é🎉",
    "%s",
    "$HOME",
    "../..",
    "*",
    "--no-json",
  ),
  FastCheck.integer({ min: 1, max: 30_000 }).map((length) => "x".repeat(length)),
);

/** Names of directories and files below the working directory. */
const names = constantFrom("data", "other", "a/b", "token", "é 🎉", "it's", "new\nline", "x".repeat(300), "token/x");

const months = constantFrom(
  "2023-12",
  "2024-01",
  "2024-02",
  "2024-03",
  "2024-13",
  "1969-12",
  "9999-12",
  "2024-1",
  "２０２４-01",
  "",
);

const numbers = constantFrom(
  "0",
  "-1",
  "256",
  "100000",
  "1000000",
  "1000001",
  "1e5",
  "0x10",
  "1.5",
  "９",
  "+5",
  "",
  "many",
  "NaN",
  "99999999999999999999",
);

/** Never a host that a name would have to be looked up for. */
const urls = constantFrom(
  "",
  "segment",
  "http://",
  "https://",
  "ftp://127.0.0.1",
  "http://api.example",
  "https://u:p@127.0.0.1",
  "https://127.0.0.1?x",
  "http://127.0.0.1:0",
  "http://[::1",
  "http://127.0.0.1:99999",
);

const instants = constantFrom(
  "2024-02-01",
  "2024-02-01T12:00:00Z",
  "1970-01-01",
  "2024-02-30",
  "now",
  "",
  "9999-12-31",
  "2024-02-01T24:00:00Z",
);

const valueOf = ({ choices, kind, name }: Flag): FastCheck.Arbitrary<string> => {
  if (choices.length > 0)
    return oneof({ weight: 5, arbitrary: constantFrom(...choices) }, { weight: 1, arbitrary: garbage });
  switch (kind) {
    case "YYYY-MM":
      return months;
    case "integer":
      return numbers;
    case "INSTANT":
      return instants;
    default:
      if (name === "data-dir" || name === "token-file") return names;
      return name === "api-url" ? urls : oneof(instants, garbage);
  }
};

const written = (flag: Flag): FastCheck.Arbitrary<ReadonlyArray<string>> =>
  flag.kind === ""
    ? constantFrom(
        [`--${flag.name}`],
        [`--${flag.name}`],
        [`--${flag.name}=false`],
        [`--no-${flag.name}`],
        [`--${flag.name}=`],
      )
    : oneof(
        { weight: 6, arbitrary: valueOf(flag).map((value) => [`--${flag.name}`, value]) },
        { weight: 3, arbitrary: valueOf(flag).map((value) => [`--${flag.name}=${value}`]) },
        { weight: 1, arbitrary: constant([`--${flag.name}`]) },
      );

const sql = constantFrom(
  "SHOW TABLES",
  "FROM source_mtu",
  "SELECT 1/0",
  "DROP TABLE runs",
  "",
  "SELECT '\u001b'",
  "COPY runs TO 'x.csv'",
);

/** Interactive by its nature. */
const isAsking = ({ name }: Flag): boolean => name === "wizard";

export const commandLine = ({ commands, flags }: Grammar): FastCheck.Arbitrary<ReadonlyArray<string>> => {
  const every = [...flags.values()].flat().filter((flag) => !isAsking(flag));
  const line = (command: string) => {
    const own = (flags.get(command) ?? []).filter(
      (flag) => !isAsking(flag) && !["help", "version", "completions"].includes(flag.name),
    );
    const [needed] =
      command === "backfill" ? [oneof(constant("2024-01"), months).map((from) => [["--from", from]])] : [constant([])];
    const subject: FastCheck.Arbitrary<ReadonlyArray<ReadonlyArray<string>>> =
      command === "query" ? sql.map((text) => [[text]]) : needed;
    return tuple(
      subject,
      FastCheck.array(constantFrom(...own).chain(written), { maxLength: 5 }),
      oneof(
        { weight: 5, arbitrary: constant<ReadonlyArray<ReadonlyArray<string>>>([]) },
        { weight: 1, arbitrary: FastCheck.array(constantFrom(...every).chain(written), { maxLength: 2 }) },
        { weight: 1, arbitrary: garbage.map((text) => [[text]]) },
      ),
      FastCheck.boolean(),
    ).map(([before, chosen, odd, last]) => [
      command,
      ...(last ? [...before, ...chosen, ...odd] : [...odd, ...chosen, ...before]).flat(),
    ]);
  };
  return oneof(
    { weight: 12, arbitrary: constantFrom(...commands).chain(line) },
    { weight: 1, arbitrary: FastCheck.array(garbage, { maxLength: 4 }) },
    {
      weight: 1,
      arbitrary: tuple(garbage, constantFrom(...commands).chain(line)).map(([text, rest]) => [text, ...rest]),
    },
  );
};
