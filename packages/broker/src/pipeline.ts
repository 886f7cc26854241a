// The path of an exchange from the client connection to the origin, outermost layer first.

import { checkOutAndSend, type Registry, type Send, withDeadline, withRetry } from '@hawser/upstream';

/**
 * The order matters:
 * - deadline outermost, so that waiting, connecting and repeats all count against it;
 * - retry outside check out, so that a repeat waits for room like anyone else and gets another session.
 */
export function createPipeline(registry: Registry): Send {
  return withDeadline(withRetry(checkOutAndSend(registry)));
}
