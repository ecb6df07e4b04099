/**
 * Looking again at what changes on the server: often while the page is in front, rarely in the background.
 * @module
 */

const STEADY_MS = 3_000;
/** A page in the background, or one that gets no answer. */
export const SLOW_MS = 20_000;

/** The pause before the next look while nothing is on its way: what others do is shown within seconds. */
export function steady() {
  return document.visibilityState === "visible" ? STEADY_MS : SLOW_MS;
}

/**
 * Look again and again, until ended; the first time is up to the caller.
 * @param {() => Promise<number>} look says in how many milliseconds to look again
 */
export function poll(look) {
  let timer = 0;
  let ended = false;
  /** Looks begun: of two under way the later one sets the next. */
  let begun = 0;
  const now = async () => {
    clearTimeout(timer);
    const turn = ++begun;
    const pause = await look();
    if (!ended && turn === begun) timer = setTimeout(now, pause);
  };
  /** Timers are throttled in a hidden page: look when it comes to the front. */
  const back = () => document.visibilityState === "visible" && now();
  document.addEventListener("visibilitychange", back);
  return {
    now,
    /** Whether it was ended: an answer that comes after that is nobody's. */
    get ended() {
      return ended;
    },
    end() {
      ended = true;
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", back);
    },
  };
}
