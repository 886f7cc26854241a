// HTTP/2 client sessions behind one contract.

export type { Clock, Timer } from './clock.ts';
export { type ConnectOptions, connectHttp2 } from './connect.ts';
export { type Engine, engines } from './engine.ts';
export { defaultHttp2Limits, type Http2Limits } from './native/limits.ts';
export { defaultHttp2Options, type Http2Options, resolveHttp2Options } from './options.ts';
export {
  type ExchangeHandle,
  type ExchangeSink,
  type Fields,
  type RequestBody,
  type RequestHead,
  type Session,
  SessionError,
  type SessionErrorCode,
  type SessionEvents,
  type SessionState,
} from './session.ts';
