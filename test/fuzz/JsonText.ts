/**
 * JSON read as text, for holding against what the program made of it: every number is the characters that stood there.
 *
 * Shares nothing with `JSON.parse` or with the code under test. Takes whole JSON only; of a repeated key the last one counts.
 */
export type Json =
  | { readonly kind: "number"; readonly raw: string }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "word"; readonly raw: string }
  | { readonly kind: "list"; readonly items: ReadonlyArray<Json> }
  | { readonly kind: "object"; readonly fields: ReadonlyMap<string, Json> };

/** Throws for what is no JSON. */
export const readJson = (source: string): Json => {
  const token =
    /[ \t\n\r]*(?:([[\]{}:,])|"((?:[^"\\\u0000-\u001f]|\\.)*)"|(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)|(true|false|null)|$)/y;
  let mark: string | undefined;
  let leaf: Json | undefined;
  const next = (): void => {
    const match = token.exec(source);
    if (match === null) throw new SyntaxError("no JSON");
    const [, sign, text, number, word] = match;
    mark = sign;
    leaf =
      text !== undefined
        ? { kind: "text", text: unescape(text) }
        : number !== undefined
          ? { kind: "number", raw: number }
          : word !== undefined
            ? { kind: "word", raw: word }
            : undefined;
  };
  const take = (sign: string): boolean => {
    if (mark !== sign) return false;
    next();
    return true;
  };
  const expect = (sign: string): void => {
    if (!take(sign)) throw new SyntaxError(`no ${sign}`);
  };
  const value = (): Json => {
    const found = leaf;
    if (found !== undefined) {
      next();
      return found;
    }
    if (take("[")) {
      const items: Array<Json> = [];
      if (take("]")) return { kind: "list", items };
      do items.push(value());
      while (take(","));
      expect("]");
      return { kind: "list", items };
    }
    expect("{");
    const fields = new Map<string, Json>();
    if (take("}")) return { kind: "object", fields };
    do {
      if (leaf?.kind !== "text") throw new SyntaxError("no key");
      const key = leaf.text;
      next();
      expect(":");
      fields.set(key, value());
    } while (take(","));
    expect("}");
    return { kind: "object", fields };
  };
  next();
  const whole = value();
  if (mark !== undefined || leaf !== undefined || token.lastIndex < source.length)
    throw new SyntaxError("more than one");
  return whole;
};

const escapes: Readonly<Record<string, string>> = {
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  '"': '"',
  "\\": "\\",
  "/": "/",
};

const unescape = (text: string): string =>
  text.replaceAll(/\\(?:u([0-9a-fA-F]{4})|(.))/g, (_, hex?: string, letter?: string) => {
    if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
    const meant = escapes[letter!];
    if (meant === undefined) throw new SyntaxError("no escape");
    return meant;
  });

export const field = (of: Json | undefined, name: string): Json | undefined =>
  of?.kind === "object" ? of.fields.get(name) : undefined;

/** Levels of lists and objects, at most so many. */
export const isDeeper = (of: Json, levels: number): boolean => {
  if (of.kind !== "list" && of.kind !== "object") return false;
  if (levels === 0) return true;
  const inner = of.kind === "list" ? of.items : [...of.fields.values()];
  return inner.some((one) => isDeeper(one, levels - 1));
};
