// Exchanges waiting for room on a session: bounded, and fair between the clients they belong to.

/**
 * A queue of queues: one line per owner, served in turn, so an owner with a thousand waiters delays another owner's
 * only one by no more than one place per round. Every operation but `remove` takes constant time.
 */
export class WaitQueue<T extends { readonly client: object }> {
  readonly #lines = new Map<object, Set<T>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(waiter: T): void {
    const line = this.#lines.get(waiter.client);
    if (line === undefined) this.#lines.set(waiter.client, new Set([waiter]));
    else line.add(waiter);
    this.#size++;
  }

  /** Takes the next waiter in turn, or undefined when none waits. */
  take(): T | undefined {
    for (const [client, line] of this.#lines) {
      for (const waiter of line) {
        line.delete(waiter);
        this.#size--;
        // A Map iterates in order of insertion: what is put back goes to the end of the round.
        this.#lines.delete(client);
        if (line.size > 0) this.#lines.set(client, line);
        return waiter;
      }
    }
    return undefined;
  }

  /** Takes `waiter` out of its line; false if it was not waiting. */
  remove(waiter: T): boolean {
    const line = this.#lines.get(waiter.client);
    if (!line?.delete(waiter)) return false;
    if (line.size === 0) this.#lines.delete(waiter.client);
    this.#size--;
    return true;
  }
}
