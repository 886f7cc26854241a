// Origins, connector, session pools, and the layers that an exchange passes on its way to an origin.

export { withBreaker } from './breaker.ts';
export { checkOutAndSend } from './check-out.ts';
export { type Clock, systemClock, type Timer } from './clock.ts';
export { Connector, type ConnectorOptions, defaultMaxSessions } from './connector.ts';
export { withDeadline } from './deadline.ts';
export {
  defaultEgressOptions,
  type EgressOptions,
  EgressPolicy,
  isAddressRange,
  withEgressPolicy,
} from './egress.ts';
export { UpstreamError, type UpstreamErrorCode, type UpstreamErrorSource } from './errors.ts';
export { createFacts, type Exchange, type Facts, type Handle, type ResponseSink, type Send } from './exchange.ts';
export { defaultNatOptions, type NatDestination, type NatOptions, type NatSnapshot } from './nat-governor.ts';
export { defaultOriginOptions, type OriginOptions, type Timeouts, type TlsOptions } from './options.ts';
export { formatOrigin, type Origin, parseTarget, type RequestTarget } from './origin.ts';
export { OriginPattern } from './origin-pattern.ts';
export type { Places } from './places.ts';
export type { OpenReason, SessionSnapshot } from './pooled-session.ts';
export { Registry } from './registry.ts';
export { withRetry } from './retry.ts';
