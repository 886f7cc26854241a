// The implementations of the session contract, by name.

/** `node` wraps `node:http2`; `native` speaks RFC 9113 and RFC 7541 on the socket itself. */
export type Engine = 'node' | 'native';

export const engines: readonly Engine[] = ['node', 'native'];
