// The path of an exchange from the client connection to the origin, outermost layer first.

import { checkOutAndSend, type Registry, type Send, withBreaker, withDeadline, withRetry } from '@hawser/upstream';

/**
 * The order matters:
 * - deadline outermost, so that waiting, connecting and repeats all count against it;
 * - breaker outside retry, so that one exchange counts once however often it was repeated, and a pause stops repeats;
 * - retry outside check out, so that a repeat waits for room like anyone else and gets another session.
 */
export function createPipeline(registry: Registry): Send {
  return withDeadline(withBreaker(withRetry(checkOutAndSend(registry))));
}
