// Ends idle sessions where a connect of any pool waits for a place that they hold.

import type { Places } from './places.ts';
import type { PooledSession } from './pooled-session.ts';
import type { Neighbours, SessionPool } from './session-pool.ts';

export class RoomMaker implements Neighbours {
  readonly #pools: ReadonlyMap<string, SessionPool>;
  readonly #onCrowded: (places: Places) => void;
  /** Those for which somebody waited when this was last looked at. */
  readonly #crowded = new Set<Places>();

  /** `onCrowded` is told of each connect that a limit makes wait. */
  constructor(pools: ReadonlyMap<string, SessionPool>, onCrowded: (places: Places) => void) {
    this.#pools = pools;
    this.#onCrowded = onCrowded;
  }

  get isCrowded(): boolean {
    for (const places of this.#crowded) {
      if (places.waiting > 0) return true;
      this.#crowded.delete(places);
    }
    return false;
  }

  makeRoom(choices: readonly Places[]): void {
    this.#onCrowded(choices[0] as Places);
    for (const places of choices) this.#crowded.add(places);
    for (const places of choices) if (this.#relieve(places)) return;
  }

  makeRoomByIdle(entry: PooledSession): void {
    for (const places of this.#crowded) if (places.waiting > 0 && holds(entry, places) && this.#relieve(places)) return;
  }

  /**
   * Ends as many idle sessions as connects wait for, less those that are leaving already: the one idle for longest first,
   * those that are to be warm last. False where there is none.
   */
  #relieve(places: Places): boolean {
    let wanted = places.waiting;
    const idle: { entry: PooledSession; isWarm: boolean }[] = [];
    for (const pool of this.#pools.values()) {
      for (const { entry, isWarm } of pool.entries()) {
        if (!holds(entry, places)) continue;
        if (entry.isLeaving) wanted--;
        else if (entry.idleSince !== null && !entry.isProbing) idle.push({ entry, isWarm });
      }
    }
    if (wanted <= 0) return true;
    idle.sort((a, b) => Number(a.isWarm) - Number(b.isWarm) || (a.entry.idleSince ?? 0) - (b.entry.idleSince ?? 0));
    for (const { entry } of idle.slice(0, wanted)) entry.session.drain();
    return idle.length > 0;
  }
}

function holds({ session }: PooledSession, { destination }: Places): boolean {
  return destination === null || destination === session.remoteAddress;
}
