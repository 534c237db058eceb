/**
 * The documents say what is so: commands and flags that exist, tables and views that exist, symbols that exist.
 */
import { assert, describe, it } from "@effect/vitest";
import { tables } from "@segmeter/domain";
import { views } from "@segmeter/duckdb";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, globSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");
const read = (name: string): string => readFileSync(resolve(root, name), "utf8");
const readme = read("README.md");

const segmeter = (...args: ReadonlyArray<string>): string =>
  execFileSync(process.execPath, ["pipelines/scripts/segmeter.js", ...args], { cwd: root, encoding: "utf8" });

describe("README", () => {
  it("has at most 120 lines", () => {
    assert.isAtMost(readme.split("\n").length, 121);
  });

  it("names every table and every view, and none that does not exist", () => {
    const section = readme.slice(readme.indexOf("## Tables"), readme.indexOf("## Commands"));
    for (const { name } of tables) {
      const written = name.endsWith("_revisions") ? "<table>_revisions" : name;
      assert.include(section, `\`${written}\``);
    }
    for (const { name } of views.filter((view) => !view.name.endsWith("_monthly")))
      assert.include(section, `\`${name}\``);
  });

  it("lists the commands that there are", () => {
    const listed = [...readme.matchAll(/^\| `([a-z]+)[ `]/gm)]
      .map(([, name]) => name!)
      .filter((name) => !name.includes("_"));
    const help = segmeter("--help");
    const offered = help
      .slice(help.indexOf("SUBCOMMANDS"), help.indexOf("EXAMPLES"))
      .match(/^ {2}[a-z]+/gm)!
      .map((line) => line.trim());
    assert.sameMembers(
      listed.filter((name) => !["workspaces", "captures", "runs"].includes(name)),
      offered,
    );
  });

  it("shows commands that parse", () => {
    const lines = [...readme.matchAll(/pnpm@[\d.]+ segmeter (.*)$/gm)].map(([, line]) => line!);
    assert.isAbove(lines.length, 5);
    for (const line of lines) {
      const words = line
        .replace(/\s*(#|>).*$/, "")
        .match(/"[^"]*"|\S+/g)!
        .map((word) => word.replaceAll('"', ""));
      const { status, stderr } = spawnSync(process.execPath, ["pipelines/scripts/segmeter.js", ...words, "--help"], {
        cwd: root,
        encoding: "utf8",
      });
      assert.strictEqual(status, 0, `${line}: ${stderr}`);
    }
  });

  it("names scripts that there are", () => {
    const { scripts } = JSON.parse(read("package.json"));
    for (const [, script] of readme.matchAll(/npx -y pnpm@[\d.]+ ([a-z]+)/g)) assert.property(scripts, script!);
  });
});

describe("the demo", () => {
  it("runs, and answers for each month", () => {
    const directory = mkdtempSync(join(tmpdir(), "segmeter-demo-"));
    try {
      const output = execFileSync(process.execPath, [resolve(root, "pipelines/src/demo.ts")], {
        cwd: directory,
        encoding: "utf8",
        stdio: ["ignore", "pipe", "ignore"],
      });
      assert.include(output, "48 partitions captured");
      assert.lengthOf([...output.matchAll(/^│ 2024-\d\d-01 │ +\d+ │/gm)], 12);
      assert.deepStrictEqual(readdirSync(directory), ["segmeter-demo"]);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

describe("ARCHITECTURE", () => {
  it("names symbols, files and folders that there are", () => {
    const sources =
      globSync("{packages/*,pipelines}/src/**/*.ts", { cwd: root }).map(read).join("\n") +
      globSync("{pipelines/scripts,test}/**/*.{js,ts}", { cwd: root, exclude: ["test/node_modules/**"] })
        .map(read)
        .join("\n");
    for (const [, name] of read("ARCHITECTURE.md").matchAll(/`([^`\s]+)`/g)) {
      const isPath = name!.includes("/") || name!.endsWith(".ts");
      const found =
        existsSync(resolve(root, name!)) ||
        (isPath
          ? globSync(`{packages/*,pipelines}/src/**/${name}`, { cwd: root }).length > 0
          : sources.includes(name!.split(".")[0]!));
      assert.isTrue(found, name!);
    }
  });
});

describe("all documents", () => {
  it("link to files that there are", () => {
    for (const document of [
      "README.md",
      "ARCHITECTURE.md",
      "DECISIONS.md",
      "CONTRIBUTING.md",
      "CHANGELOG.md",
      "SECURITY.md",
    ]) {
      for (const [, target] of read(document).matchAll(/\]\(([^)#]+)\)/g)) {
        assert.isTrue(existsSync(resolve(root, target!)), `${document} → ${target}`);
      }
    }
  });

  it("use one version of pnpm", () => {
    const versions = ["README.md", "CONTRIBUTING.md", ".ci/run", "pipelines/src/demo.ts"].flatMap((name) =>
      [...read(name).matchAll(/pnpm@([\d.]+)/g)].map(([, version]) => version),
    );
    assert.lengthOf(new Set(versions), 1);
  });
});
