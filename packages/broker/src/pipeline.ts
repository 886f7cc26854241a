// The path of an exchange from the client connection to the origin, outermost layer first.

import {
  checkOutAndSend,
  type EgressPolicy,
  type Registry,
  type Send,
  withBreaker,
  withDeadline,
  withEgressPolicy,
  withRetry,
} from '@hawser/upstream';

/**
 * The order matters:
 * - deadline outermost, so that waiting, connecting and repeats all count against it;
 * - egress policy before everything that acts on an origin: one that is refused has no breaker and no pool;
 * - breaker outside retry, so that one exchange counts once however often it was repeated, and a pause stops repeats;
 * - retry outside check out, so that a repeat waits for room like anyone else and gets another session.
 */
export function createPipeline(registry: Registry, egress: EgressPolicy): Send {
  return withDeadline(withEgressPolicy(withBreaker(withRetry(checkOutAndSend(registry))), egress));
}
