/**
 * `segmeter doctor`: whether everything that a run needs is in order, one line a check.
 */
import { type Name, now, UsageMonth } from "@segmeter/domain";
import {
  isTokenRefused,
  SegmentClient,
  type SegmentConfig,
  type SegmentError,
  type ServiceClock,
} from "@segmeter/segment";
import * as Command from "effect/cli/Command";
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import * as Result from "effect/Result";
import { access, constants, stat, statfs } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { version } from "../Version.ts";
import { exitCodes, Incomplete, TokenRefused } from "./ExitCode.ts";
import * as Flags from "./Flags.ts";
import { skewInWords } from "./ClockSkew.ts";
import { write, writeLine } from "./Output.ts";
import { clockSettings, serviceSettings } from "./ServiceSettings.ts";
import type { UsageError } from "./UsageError.ts";

interface Finding {
  readonly check: "versions" | "data directory" | "disk" | "token" | "workspace" | "plan" | "clock";
  readonly state: "ok" | "warning" | "failed";
  readonly detail: string;
}

export const doctor = Command.make(
  "doctor",
  { dataDir: Flags.dataDir, ...Flags.service, json: Flags.json },
  Effect.fn("doctor")(function* (given) {
    const say = (finding: Finding) =>
      Effect.as(
        given.json
          ? write(`${JSON.stringify({ event: "checked", ...finding })}\n`)
          : writeLine(`${finding.state.padEnd(8)}${finding.check}: ${finding.detail}`),
        finding,
      );
    const orSay = <A>(check: Finding["check"], self: Effect.Effect<A, UsageError>): Effect.Effect<A, UsageError> =>
      Effect.tapError(self, ({ message }) => say({ check, state: "failed", detail: message }));
    const findings = [
      yield* say({ check: "versions", state: "ok", detail: `segmeter ${version}, Node ${process.versions.node}` }),
      ...(yield* Effect.forEach(yield* directoryFindings(given.dataDir), say)),
    ];
    const settings = yield* orSay("token", serviceSettings(given));
    const clock = yield* orSay("clock", clockSettings(settings.apiUrl));
    const { layerUndici } = yield* Effect.promise(() => import("@effect/platform-node/NodeHttpClient"));
    // Somebody waits for the answer, and that it takes many tries is one.
    const service = SegmentClient.layer({ ...settings, maxTries: 3 }).pipe(Layer.provide(layerUndici));
    const found = yield* serviceFindings(settings).pipe(Effect.provide(Layer.mergeAll(service, clock)));
    findings.push(...(yield* Effect.forEach(found.findings, say)));
    if (found.refused) return yield* Effect.fail(new TokenRefused());
    if (findings.some(({ state }) => state === "failed")) return yield* Effect.fail(new Incomplete());
  }),
).pipe(
  Command.withDescription(
    `Checks the token, the region, the plan, the clock, the disk, the data directory and the versions. Ends with ${exitCodes.tokenRefused} if the token is refused.`,
  ),
  Command.withShortDescription("Check that everything is in order"),
  Command.withExamples([
    { command: "segmeter doctor", description: "Before the first backfill" },
    { command: "segmeter doctor --region eu --json", description: "For a program, against the EU" },
  ]),
);

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;

const directoryFindings = (dataDir: string): Effect.Effect<ReadonlyArray<Finding>> =>
  Effect.promise(async () => {
    const path = resolve(dataDir);
    const existing = await nearest(path);
    const directory = { check: "data directory" } as const;
    const disk = { check: "disk" } as const;
    if (!(await stat(existing)).isDirectory()) {
      return [{ ...directory, state: "failed", detail: `${existing} is no directory` }];
    }
    const writable = await access(existing, constants.W_OK | constants.X_OK).then(
      () => true,
      () => false,
    );
    const where = existing === path ? path : `${path}, to be made in ${existing},`;
    const { bavail, bsize } = await statfs(existing);
    const free = bavail * bsize;
    return [
      { ...directory, state: writable ? "ok" : "failed", detail: `${where} ${writable ? "can" : "can't"} be written` },
      { ...disk, state: free < 1e9 ? "warning" : "ok", detail: `${gigabytes(free)} free` },
    ];
  });

/** The path, or the nearest directory above it that exists. */
const nearest = async (path: string): Promise<string> =>
  stat(path).then(
    () => path,
    () => nearest(dirname(path)),
  );

const serviceFindings = ({ apiUrl }: SegmentConfig) =>
  Effect.gen(function* () {
    const client = yield* SegmentClient;
    const findings: Array<Finding> = [];
    const probe = yield* Effect.result(client.workspace);
    if (Result.isFailure(probe)) {
      const error: SegmentError = probe.failure;
      findings.push({ check: "token", state: "failed", detail: error.message });
      return { findings, refused: isTokenRefused(error) };
    }
    const workspace: Name.Workspace = probe.success;
    findings.push(
      { check: "token", state: "ok", detail: `accepted by ${apiUrl.host}` },
      { check: "workspace", state: "ok", detail: `${workspace.name} (${workspace.slug}, ${workspace.id})` },
    );
    const month = UsageMonth.of(yield* now);
    const usage = yield* Effect.result(client.usagePage({ dataset: "workspace-mtu", month, cursor: undefined }));
    findings.push(
      Result.isSuccess(usage) || usage.failure.reason._tag === "NotFound"
        ? { check: "plan", state: "ok", detail: "usage can be read" }
        : { check: "plan", state: "failed", detail: usage.failure.message },
    );
    findings.push(clockFinding(yield* client.serviceClock, yield* Clock.currentTimeMillis));
    return { findings, refused: false };
  });

const clockFinding = (seen: ServiceClock | undefined, localMs: number): Finding => {
  if (seen === undefined) {
    return { check: "clock", state: "warning", detail: `${new Date(localMs).toISOString()}; the service told no time` };
  }
  const skew = skewInWords(seen);
  return skew === undefined
    ? { check: "clock", state: "ok", detail: `within a minute of the service's` }
    : { check: "clock", state: "failed", detail: `${skew}; set this machine's clock` };
};
