/**
 * The rate budget's arithmetic: how soon the next request may be sent. Pure state, told of every request and every answer; it
 * neither waits nor sends. All times are milliseconds of the local clock.
 *
 * The service counts requests in windows of a length it does not publish, and reports dates in whole seconds. So the limit is
 * taken from the headers (or, where there are none, from what was let through before a refusal), the length is narrowed down from
 * what the answers say, and then no more than the limit is sent in any stretch of that length: that fits windows which start with a
 * request, windows on the clock, and sliding ones alike. Where too little is known, a single request goes ahead and the others wait
 * for its answer, so that a wrong guess costs one refusal.
 */
import type { OrderedWait, RateSignal } from "./RateSignal.ts";
import { RoundTrips } from "./RoundTrips.ts";
import { estimate, type LengthBounds, narrow } from "./WindowLength.ts";

/** A request that was sent. */
export interface Sent {
  readonly at: number;
}

/** What the service last said of its current window. */
interface Report {
  readonly consumed: number;
  readonly remaining: number;
  /** When the window ends, at the earliest; the date that says so is cut to whole seconds. */
  readonly endsFrom: number | undefined;
}

/** The first refusal of a window. */
interface Refusal {
  readonly sentAt: number;
  readonly now: number;
  readonly wait: OrderedWait | undefined;
}

const unreported: RateSignal = { consumed: undefined, remaining: undefined, resetIn: undefined, wait: undefined };

export class RateWindow {
  #inFlight = 0;
  /** Requests that the service may have counted, in the order sent: all but the refused ones. */
  #counted: Array<Sent> = [];
  /** Requests that the service allows in one window. */
  #limit: number | undefined;
  #limitIsReported = false;
  #length: LengthBounds | undefined;
  /** Whether a request sent just when the length was over was let through. */
  #lengthIsProven = false;
  #report: Report | undefined;
  #pausedUntil = 0;
  /** Refusals since the last success, those of one pause counted once. */
  #refusals = 0;
  /** The next request goes ahead of the others. */
  #probeNext = true;
  /** The request that went ahead, unanswered yet. */
  #probe: Sent | undefined;
  /** The first request of the service's current window, as far as it is known. */
  #windowFirst: Sent | undefined;
  /** Without headers: requests let through since the last window that was overrun. */
  #stretch = 0;
  /** Without headers: the first refusal of that window, until what was let through before it is known. */
  #overrun: Refusal | undefined;
  /** Without headers: whole windows that went well, the number after which one more request is tried, and what is held to be safe. */
  #quiet = 0;
  #patience = 3;
  #safeLimit: number | undefined;
  readonly #roundTrips = new RoundTrips();

  /** When the next request may be sent: `now` for at once, a later time, or undefined for "when an answer has come". */
  nextAt(now: number): number | undefined {
    if (now < this.#pausedUntil) return this.#pausedUntil;
    if (this.#probe !== undefined) return undefined;
    if (this.#probeNext) return now;
    const spaced = this.#nextBySpacing(now);
    return spaced > now ? spaced : this.#nextByReport(now);
  }

  /** No more than the limit in any stretch of the window's length. */
  #nextBySpacing(now: number): number {
    if (this.#length === undefined) return now;
    const oldest = this.#oldestOfWindow();
    if (oldest === undefined) return now;
    const length = estimate(this.#length);
    // Answers do not all take equally long: a request must not overtake the one that it follows by a window's length.
    return oldest.at + length + 10 + Math.min(this.#roundTrips.spread, length * 0.06);
  }

  #oldestOfWindow(): Sent | undefined {
    return this.#limit === undefined ? undefined : this.#counted.at(-this.#limit);
  }

  /** No more than what the service last said was left, less what is on its way: others may be spending the same limit. */
  #nextByReport(now: number): number | undefined {
    const report = this.#report;
    if (report === undefined || report.remaining > this.#inFlight) return now;
    if (report.endsFrom === undefined) return this.#inFlight === 0 ? now : undefined;
    // The date is cut or rounded to whole seconds. Once the length is known, spacing is exact, and only its lower bound counts.
    const end = report.endsFrom + (this.#length === undefined ? 1_000 : -1_000);
    if (now < end) return end;
    this.#report = undefined;
    this.#probeNext = true;
    return now;
  }

  sent(now: number): Sent {
    if (this.#overrun !== undefined) this.#learnLimit(this.#overrun);
    const sent = { at: now };
    const startsWindow = this.#windowFirst !== undefined && this.#oldestOfWindow() === this.#windowFirst;
    if (this.#probeNext || (startsWindow && !this.#lengthIsProven)) this.#probe = sent;
    if (startsWindow) this.#raiseLimit(now);
    if (startsWindow || this.#windowFirst === undefined) this.#windowFirst = sent;
    this.#probeNext = false;
    this.#inFlight++;
    this.#stretch++;
    this.#counted.push(sent);
    const kept = 2 * (this.#limit ?? 5_000);
    if (this.#counted.length > 2 * kept) this.#counted = this.#counted.slice(-kept);
    return sent;
  }

  /** It ended without an answer that says anything of the limit; the service may have counted it. */
  lost(sent: Sent): void {
    this.#inFlight--;
    if (this.#probe === sent) {
      this.#probe = undefined;
      this.#probeNext = true;
    }
  }

  succeeded(sent: Sent, now: number, signal: RateSignal = unreported): void {
    this.#inFlight--;
    this.#refusals = 0;
    this.#roundTrips.add(now - sent.at);
    const { consumed, remaining, resetIn } = signal;
    if (this.#probe === sent) {
      this.#probe = undefined;
      this.#prove(sent);
    }
    if (consumed === undefined || remaining === undefined) return;
    this.#limit = Math.max(1, consumed + remaining);
    this.#limitIsReported = true;
    if (consumed === 1) {
      this.#windowFirst = sent;
      // The first request tells the window's start, and so, with the date of its end, its length to about a second.
      if (resetIn !== undefined) {
        // Whether it is cut or rounded up is not known; the shorter length is tried first, for it costs one refusal at most.
        this.#learn({ atLeast: resetIn - 1_000, atMost: resetIn + 1_000 + (now - sent.at) });
      }
    }
    const endsFrom = resetIn === undefined ? undefined : now + resetIn;
    const held = this.#report;
    const isNewWindow =
      held?.endsFrom === undefined ||
      endsFrom === undefined ||
      (endsFrom > held.endsFrom + 500 && now >= held.endsFrom - 1_000 && consumed <= held.consumed);
    // Within a window the least that was said to be left is the latest word, in whatever order the answers come.
    if (isNewWindow || remaining < held.remaining) this.#report = { consumed, remaining, endsFrom };
  }

  /** A request that followed the window's first by the estimated length was let through: the length is no longer. */
  #prove(sent: Sent): void {
    if (this.#limit === undefined || this.#length === undefined) return;
    const start = this.#counted[this.#counted.lastIndexOf(sent) - this.#limit];
    if (start === undefined) return;
    const gone = sent.at - start.at;
    if (gone > 1.5 * estimate(this.#length)) return;
    this.#learn({ atLeast: 1, atMost: gone });
    this.#lengthIsProven = true;
  }

  /** The service refused. Returns for how long nothing is sent. `backOff` counts where the service named no time. */
  refused(sent: Sent, now: number, wait: OrderedWait | undefined, backOff: number): number {
    this.#inFlight--;
    this.#stretch--;
    const position = this.#counted.lastIndexOf(sent);
    if (position >= 0) this.#counted.splice(position, 1);
    // Stragglers of one refusal say the same again; only the first is new.
    if (now >= this.#pausedUntil) {
      this.#refusals++;
      const refusal = { sentAt: sent.at, now, wait };
      if (!this.#limitIsReported) this.#overrun ??= refusal;
      // A request beyond the limit that was safe so far says nothing of the length.
      if (this.#limit !== undefined && this.#safeLimit === undefined) {
        this.#learnLength(refusal, this.#counted[position - this.#limit]);
      }
    }
    this.#report = undefined;
    this.#probe = undefined;
    this.#probeNext = true;
    this.#windowFirst = undefined;
    // A service that again and again orders no wait worth the name is asked less and less often.
    const least = this.#refusals === 1 ? 1 : Math.min(10 * 2 ** this.#refusals, 1_000);
    const ordered = wait?.atMost ?? backOff * Math.min(2 ** (this.#refusals - 1), 10);
    this.#pausedUntil = Math.max(this.#pausedUntil, now + Math.max(ordered, least));
    return this.#pausedUntil - now;
  }

  /** Without headers, the limit is what was let through before the service refused, once all answers to it have come. */
  #learnLimit(overrun: Refusal): void {
    this.#overrun = undefined;
    const counted = this.#stretch;
    this.#stretch = 0;
    this.#quiet = 0;
    if (this.#safeLimit !== undefined) {
      this.#limit = this.#safeLimit;
      this.#safeLimit = undefined;
      this.#patience *= 4;
      return;
    }
    const first = this.#counted.at(-counted);
    if (counted <= 0 || first === undefined || counted >= (this.#limit ?? Infinity)) return;
    // A sliding window soon has room again, but for a few: that says nothing of the limit.
    const span = overrun.sentAt - first.at + (overrun.wait?.atMost ?? Infinity);
    if (this.#length !== undefined && span < estimate(this.#length) / 2) return;
    this.#limit = counted;
    this.#length = undefined;
    this.#learnLength(overrun, first);
  }

  /** What was let through may have been less than the limit: after some windows without a refusal, more is tried. */
  #raiseLimit(now: number): void {
    if (this.#limitIsReported || this.#limit === undefined || this.#length === undefined) return;
    if (now - this.#windowFirst!.at > 1.5 * estimate(this.#length) || ++this.#quiet < this.#patience) return;
    const safe = this.#limit;
    this.#limit += this.#safeLimit === undefined ? 1 : 2 * (safe - this.#safeLimit);
    this.#safeLimit = safe;
  }

  #learnLength({ now, sentAt, wait }: Refusal, start: Sent | undefined): void {
    if (start === undefined) return;
    const gone = sentAt - start.at;
    const { atLeast, atMost } = wait ?? { atLeast: 1, atMost: 1_000 };
    this.#learn({
      atLeast: gone + atLeast,
      atMost: now - start.at + atMost,
      ...(atLeast === atMost ? { likely: gone + atLeast } : {}),
    });
  }

  #learn(bounds: LengthBounds): void {
    if (bounds.atMost <= 0) return;
    const before = this.#length;
    this.#length = narrow(before, { ...bounds, atLeast: Math.max(1, bounds.atLeast) });
    if (before === undefined || estimate(before) < estimate(this.#length)) this.#lengthIsProven = false;
  }
}
