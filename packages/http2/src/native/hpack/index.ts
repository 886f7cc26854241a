// Header compression (RFC 7541) of the native engine.

export { HpackDecoder } from './decoder.ts';
export { HpackEncoder } from './encoder.ts';
export { HpackError } from './hpack-error.ts';
