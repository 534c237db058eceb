/**
 * A certificate for `localhost`, made when it is needed, so that a test can have https with nothing secret in the repository.
 */
import { generateKeyPairSync, sign } from "node:crypto";

export interface Certificate {
  readonly key: string;
  readonly cert: string;
}

/** A value of DER: tag, length, content. */
const der = (tag: number, ...parts: ReadonlyArray<Uint8Array>): Buffer => {
  const content = Buffer.concat(parts);
  const size = content.length.toString(16);
  const digits = Buffer.from(size.length % 2 === 0 ? size : `0${size}`, "hex");
  const length = content.length < 128 ? digits : Buffer.concat([Buffer.from([0x80 + digits.length]), digits]);
  return Buffer.concat([Buffer.from([tag]), length, content]);
};

const bytes = (hex: string): Buffer => Buffer.from(hex, "hex");
const text = (value: string): Buffer => Buffer.from(value, "latin1");

const ecdsaWithSha256 = der(0x30, der(0x06, bytes("2a8648ce3d040302")));
const commonName = bytes("550403");
const alternativeName = bytes("551d11");

/** Valid for this century. */
export const selfSigned = (): Certificate => {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const name = der(0x30, der(0x31, der(0x30, der(0x06, commonName), der(0x0c, text("localhost")))));
  const names = der(0x30, der(0x82, text("localhost")));
  const body = der(
    0x30,
    der(0xa0, der(0x02, bytes("02"))),
    der(0x02, bytes("01")),
    ecdsaWithSha256,
    name,
    der(0x30, der(0x18, text("20000101000000Z")), der(0x18, text("20991231235959Z"))),
    name,
    publicKey.export({ format: "der", type: "spki" }),
    der(0xa3, der(0x30, der(0x30, der(0x06, alternativeName), der(0x04, names)))),
  );
  const signature = der(0x03, bytes("00"), sign("sha256", body, privateKey));
  const base64 = der(0x30, body, ecdsaWithSha256, signature).toString("base64");
  return {
    key: privateKey.export({ format: "pem", type: "pkcs8" }).toString(),
    cert: `-----BEGIN CERTIFICATE-----\n${base64.replaceAll(/.{64}/g, "$&\n")}\n-----END CERTIFICATE-----\n`,
  };
};
