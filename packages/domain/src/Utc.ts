/**
 * UTC, for date-fns to compute in: its functions take it as `in`.
 *
 * Made of the small class: the large one of `@date-fns/utc`, which can write itself out, makes its formats when it is loaded, and
 * takes a tenth of a start for it.
 */
import { UTCDateMini } from "@date-fns/utc/date/mini";

export const utc = (value: Date | number | string): Date => new UTCDateMini(+new Date(value));
