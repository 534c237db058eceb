/**
 * ISO-8601 read by counting days: a second opinion on every instant, which asks no `Date`.
 */

const shape =
  /^(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(?:[Zz]|([+-])(\d\d)(?::?(\d\d))?)?)?$/;

/** Microseconds since 1970; undefined for what is no instant to the microsecond from 1970 on. */
export const isoMicros = (text: string): bigint | undefined => {
  const match = shape.exec(text);
  if (match === null) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map((digits) => Number(digits ?? 0)) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const [fraction = "", sign = "+", zoneHour = "0", zoneMinute = "0"] = match.slice(7);
  if (month < 1 || month > 12 || day < 1 || day > daysIn(year, month)) return undefined;
  const nanos = Number(fraction.padEnd(9, "0"));
  const isEndOfDay = hour === 24 && minute === 0 && second === 0 && nanos === 0;
  if ((hour > 23 && !isEndOfDay) || minute > 59 || second > 59 || nanos % 1_000 !== 0) return undefined;
  if (Number(zoneHour) > 23 || Number(zoneMinute) > 59) return undefined;
  let days = 0;
  for (let each = 1970; each < year; each++) days += isLeap(each) ? 366 : 365;
  if (year < 1970) days = year === 1969 ? -365 : -1_000_000;
  for (let each = 1; each < month; each++) days += daysIn(year, each);
  const offset = (Number(zoneHour) * 60 + Number(zoneMinute)) * (sign === "-" ? -60 : 60);
  const seconds = ((days + day - 1) * 24 + hour) * 3600 + minute * 60 + second - offset;
  const micros = BigInt(seconds) * 1_000_000n + BigInt(nanos / 1_000);
  return micros >= 0n && micros <= BigInt(Number.MAX_SAFE_INTEGER) ? micros : undefined;
};

const isLeap = (year: number): boolean => (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;

export const daysIn = (year: number, month: number): number =>
  month === 2 ? (isLeap(year) ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31;
