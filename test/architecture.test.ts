/**
 * The dependency rule: data flows one way, imports point the other. Manifests say what a package may import; sources are held
 * to them, and neither may reach into another package's files.
 */
import { assert, describe, it } from "@effect/vitest";
import { globSync, readFileSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");

/** What each package may import of ours; nothing else is allowed, in sources. */
const allowed: Record<string, ReadonlyArray<string>> = {
  "packages/domain": [],
  "packages/segment": ["@segmeter/domain"],
  "packages/flow": ["@segmeter/domain", "@segmeter/segment"],
  "packages/parquet": ["@segmeter/domain"],
  "packages/duckdb": ["@segmeter/domain"],
  "packages/simulator": [],
  pipelines: [
    "@segmeter/domain",
    "@segmeter/duckdb",
    "@segmeter/flow",
    "@segmeter/parquet",
    "@segmeter/segment",
    "@segmeter/simulator",
  ],
};

/** Technologies that belong to one package. The domain knows none of them. */
const owners: Record<string, ReadonlyArray<string>> = {
  "@duckdb/node-api": ["packages/duckdb"],
  "@duckdb/node-bindings": ["packages/duckdb"],
  "parquetjs-lite": ["packages/parquet"],
  hyparquet: ["packages/parquet"],
  "hyparquet-compressors": ["packages/parquet"],
  "effect/http": ["packages/segment"],
  "effect/cli": ["pipelines"],
  "cli-table3": ["pipelines"],
  ora: ["pipelines"],
};

interface Manifest {
  readonly name: string;
  readonly dependencies?: Record<string, string>;
}

const manifestOf = (folder: string): Manifest =>
  JSON.parse(readFileSync(resolve(root, folder, "package.json"), "utf8"));

/** Static imports and re-exports, bare imports, and dynamic ones. */
const importPattern = /^(?:import|export)\s[^;"]*?from\s+"([^"]+)"|^import\s+"([^"]+)"|\bimport\(\s*"([^"]+)"\s*\)/gm;

const importsOf = (file: string): ReadonlyArray<string> =>
  [...readFileSync(file, "utf8").matchAll(importPattern)].map(([, from, bare, dynamic]) => (from ?? bare ?? dynamic)!);

const packageOf = (specifier: string): string =>
  specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");

/** What a source file of `folder` does that it may not. */
const offences = (folder: string, file: string, specifiers: ReadonlyArray<string>): ReadonlyArray<string> =>
  specifiers.flatMap((specifier) => {
    const at = `${relative(root, file)} imports ${specifier}`;
    if (specifier.startsWith(".")) {
      const target = resolve(dirname(file), specifier);
      const inside =
        target.startsWith(resolve(root, folder, "src")) || target === resolve(root, folder, "package.json");
      return inside ? [] : [`${at}, outside its package`];
    }
    if (specifier.startsWith("node:")) {
      return folder === "packages/domain" ? [`${at}: the domain knows no technology`] : [];
    }
    const owner = Object.entries(owners).find(([name]) => specifier === name || specifier.startsWith(`${name}/`))?.[1];
    if (owner !== undefined && !owner.includes(folder)) return [`${at}, which belongs to ${owner.join(", ")}`];
    const name = packageOf(specifier);
    const ours = name.startsWith("@segmeter/") || name === "segmeter";
    if (ours && (specifier !== name || !allowed[folder]!.includes(name))) return [`${at}, against the graph`];
    return manifestOf(folder).dependencies?.[name] === undefined ? [`${at}, which its manifest does not name`] : [];
  });

describe("the dependency rule", () => {
  for (const folder of Object.keys(allowed)) {
    it(`holds in ${folder}`, () => {
      const files = globSync("src/**/*.ts", { cwd: resolve(root, folder) }).map((file) => resolve(root, folder, file));
      assert.isAbove(files.length, 0);
      assert.deepStrictEqual(
        files.flatMap((file) => offences(folder, file, importsOf(file))),
        [],
      );
    });

    it(`holds in the manifest of ${folder}`, () => {
      const ours = Object.keys(manifestOf(folder).dependencies ?? {}).filter((name) => name.startsWith("@segmeter/"));
      assert.deepStrictEqual(ours, [...allowed[folder]!].sort());
    });
  }

  it("knows every package", () => {
    const folders = globSync("packages/*", { cwd: root });
    assert.deepStrictEqual([...folders, "pipelines"].sort(), Object.keys(allowed).sort());
  });

  it("fails for an import that goes against it", () => {
    const file = resolve(root, "packages/domain/src/Sink.ts");
    assert.lengthOf(
      offences("packages/domain", file, [
        "@segmeter/duckdb",
        "@duckdb/node-api",
        "node:fs",
        "../../flow/src/Plan.ts",
        "@segmeter/domain/src/Sink.ts",
        "left-pad",
      ]),
      6,
    );
    assert.deepStrictEqual(offences("packages/domain", file, ["effect/Effect", "./Capture.ts"]), []);
  });
});

describe("the manifests", () => {
  it("pin every dependency exactly", () => {
    const manifests = ["package.json", ...globSync("{packages/*,pipelines,test}/package.json", { cwd: root })];
    for (const path of manifests) {
      const manifest = JSON.parse(readFileSync(resolve(root, path), "utf8"));
      for (const kind of ["dependencies", "devDependencies", "optionalDependencies"]) {
        for (const [name, version] of Object.entries<string>(manifest[kind] ?? {})) {
          assert.match(version, /^(catalog:|workspace:\*|\d+\.\d+\.\d+(-[\w.]+)?)$/, `${name} in ${path}`);
        }
      }
    }
  });

  it("have a line in DECISIONS.md for every library", () => {
    const decisions = readFileSync(resolve(root, "DECISIONS.md"), "utf8");
    const manifests = ["package.json", ...globSync("{packages/*,pipelines,test}/package.json", { cwd: root })];
    for (const path of manifests) {
      const { dependencies, devDependencies, optionalDependencies } = JSON.parse(
        readFileSync(resolve(root, path), "utf8"),
      );
      for (const name of Object.keys({ ...dependencies, ...devDependencies, ...optionalDependencies })) {
        if (name.startsWith("@segmeter/") || name === "segmeter") continue;
        assert.include(decisions, `**${name}**`, `of ${path}`);
      }
    }
  });
});
