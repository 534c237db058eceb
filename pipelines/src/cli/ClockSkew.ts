/** This machine's clock beside the service's, in words. */
import { clockSkew, type ServiceClock } from "@segmeter/segment";
import { inWords } from "./Duration.ts";

/** Such as `3 hours ahead of the service's`; undefined within a minute, and where the service told no time. */
export const skewInWords = (clock: ServiceClock | undefined): string | undefined => {
  const skew = clockSkew(clock);
  if (skew === 0) return undefined;
  return `${inWords(Math.abs(skew))} ${skew > 0 ? "ahead of" : "behind"} the service's`;
};
