/**
 * Damage to files: what a disk, a copy cut short or a careless hand does.
 */
import * as FastCheck from "fast-check";
import { copyFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";

/** Where in a file, from 0 to 1 of its bytes, or counted from one of its ends. */
export interface Place {
  readonly from: "start" | "end" | "whole";
  readonly at: number;
}

export type Damage =
  | { readonly kind: "flip"; readonly place: Place; readonly mask: number }
  | { readonly kind: "zero" | "lose" | "repeat"; readonly place: Place; readonly bytes: number }
  | { readonly kind: "insert"; readonly place: Place; readonly more: Uint8Array }
  | { readonly kind: "cut"; readonly place: Place }
  | { readonly kind: "empty" }
  | { readonly kind: "remove" }
  | { readonly kind: "exchange" };

const place: FastCheck.Arbitrary<Place> = FastCheck.oneof(
  FastCheck.record({
    from: FastCheck.constant("whole" as const),
    at: FastCheck.double({ min: 0, max: 1, noNaN: true }),
  }),
  FastCheck.record({
    from: FastCheck.constantFrom("start" as const, "end" as const),
    // Headers and footers are where a byte says most.
    at: FastCheck.oneof(FastCheck.nat(16), FastCheck.nat(1_500), FastCheck.nat(20_000)),
  }),
);

const bytes = FastCheck.oneof(FastCheck.integer({ min: 1, max: 16 }), FastCheck.integer({ min: 1, max: 9_000 }));

export const damage: FastCheck.Arbitrary<Damage> = FastCheck.oneof(
  {
    weight: 10,
    arbitrary: FastCheck.record({
      kind: FastCheck.constant("flip" as const),
      place,
      mask: FastCheck.integer({ min: 1, max: 255 }),
    }),
  },
  {
    weight: 6,
    arbitrary: FastCheck.record({
      kind: FastCheck.constantFrom("zero" as const, "lose" as const, "repeat" as const),
      place,
      bytes,
    }),
  },
  {
    weight: 3,
    arbitrary: FastCheck.record({
      kind: FastCheck.constant("insert" as const),
      place,
      more: FastCheck.uint8Array({ minLength: 1, maxLength: 40 }),
    }),
  },
  { weight: 3, arbitrary: FastCheck.record({ kind: FastCheck.constant("cut" as const), place }) },
  {
    weight: 2,
    arbitrary: FastCheck.record({
      kind: FastCheck.constantFrom("empty" as const, "remove" as const, "exchange" as const),
    }),
  },
);

/** `other`: a file of the same kind, for an exchange. */
export const inflict = (path: string, done: Damage, other: string): void => {
  if (done.kind === "remove") return rmSync(path);
  if (done.kind === "exchange") return copyFileSync(other, path);
  const whole = readFileSync(path);
  writeFileSync(path, damaged(whole, done));
};

const damaged = (
  whole: Buffer,
  done: Exclude<Damage, { readonly kind: "remove" } | { readonly kind: "exchange" }>,
): Uint8Array => {
  if (done.kind === "empty") return Buffer.alloc(0);
  const at = offset(whole, done.place);
  switch (done.kind) {
    case "flip": {
      const changed = Buffer.from(whole);
      if (changed.length > 0) changed[at] = changed[at]! ^ done.mask;
      return changed;
    }
    case "zero":
      return Buffer.from(whole).fill(0, at, Math.min(at + done.bytes, whole.length));
    case "lose":
      return Buffer.concat([whole.subarray(0, at), whole.subarray(at + done.bytes)]);
    case "repeat":
      return Buffer.concat([whole.subarray(0, at + done.bytes), whole.subarray(at)]);
    case "insert":
      return Buffer.concat([whole.subarray(0, at), done.more, whole.subarray(at)]);
    case "cut":
      return whole.subarray(0, at);
  }
};

const offset = ({ length }: Buffer, { at, from }: Place): number => {
  const exact = from === "whole" ? Math.floor(at * length) : from === "start" ? at : length - 1 - at;
  return Math.min(Math.max(exact, 0), Math.max(length - 1, 0));
};
