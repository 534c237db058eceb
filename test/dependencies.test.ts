/**
 * What a user's machine gets: every library below the program, as installed. None runs a script of its own when it is installed,
 * none is one that its makers have given up, and each says under which licence it comes.
 */
import { assert, describe, it } from "@effect/vitest";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, realpathSync } from "node:fs";
import { dirname, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license?: string | { readonly type: string };
  readonly scripts?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** Where a package finds one that it depends on; undefined for an optional one that this platform does not need. */
const find = (name: string, from: string): string | undefined => {
  for (let at = from; ; at = dirname(at)) {
    const found = resolve(at, "node_modules", name);
    if (existsSync(resolve(found, "package.json"))) return realpathSync(found);
    if (at === dirname(at)) return undefined;
  }
};

/** A package, and all that it needs, by folder. */
const closure = (folder: string, seen = new Map<string, Manifest>()): ReadonlyMap<string, Manifest> => {
  if (seen.has(folder)) return seen;
  const manifest = JSON.parse(readFileSync(resolve(folder, "package.json"), "utf8")) as Manifest;
  seen.set(folder, manifest);
  for (const name of Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies })) {
    const found = find(name, folder);
    assert.isTrue(found !== undefined || name in (manifest.optionalDependencies ?? {}), `${name} of ${manifest.name}`);
    if (found !== undefined) closure(found, seen);
  }
  return seen;
};

describe("what is installed with segmeter", () => {
  const installed = closure(resolve(root, "pipelines"));
  const theirs = [...installed].filter(([folder]) => folder.includes("/node_modules/"));

  it("is some dozens of packages", () => {
    assert.isAbove(theirs.length, 20);
    assert.isBelow(theirs.length, 100);
  });

  it("runs no script when it is installed", () => {
    const hooks = ["preinstall", "install", "postinstall"];
    const offenders = [...installed.values()].filter(({ scripts = {} }) => hooks.some((hook) => hook in scripts));
    assert.deepStrictEqual(
      offenders.map(({ name }) => name),
      [],
    );
    // Nor does npm make one up, as it does for what it could build with node-gyp.
    assert.deepStrictEqual(
      theirs.filter(([folder]) => existsSync(resolve(folder, "binding.gyp"))).map(([, { name }]) => name),
      [],
    );
  });

  it("has a licence that lets it be used", () => {
    for (const [, { license, name, version }] of theirs) {
      const text = typeof license === "object" ? license.type : license;
      assert.match(text ?? "", /^\(?(MIT|ISC|0BSD|BSD-\d-Clause|Apache-2\.0|BlueOak-1\.0\.0)\b/, `${name}@${version}`);
    }
  });

  it("is what the SBOM lists, which a command makes", () => {
    const made = spawnSync("npx", ["-y", "pnpm@12.21.0", "--silent", "run", "sbom"], { cwd: root, encoding: "utf8" });
    const { bomFormat, components } = JSON.parse(made.stdout) as {
      readonly bomFormat: string;
      readonly components: ReadonlyArray<{ readonly purl: string }>;
    };
    assert.strictEqual(bomFormat, "CycloneDX");
    const listed = new Set(components.map(({ purl }) => decodeURIComponent(purl)));
    const missing = theirs.filter(([, { name, version }]) => !listed.has(`pkg:npm/${name}@${version}`));
    assert.deepStrictEqual(
      missing.map(([, { name }]) => name),
      [],
    );
  });

  it("is nothing that its makers have given up", () => {
    const lockfile = readFileSync(resolve(root, "pnpm-lock.yaml"), "utf8");
    assert.notMatch(lockfile, /^\s+deprecated:/m);
  });
});
