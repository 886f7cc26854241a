// HTTP/2 error codes by name (RFC 9113 section 7).

export const http2Code = {
  NO_ERROR: 0x0,
  PROTOCOL_ERROR: 0x1,
  INTERNAL_ERROR: 0x2,
  FLOW_CONTROL_ERROR: 0x3,
  SETTINGS_TIMEOUT: 0x4,
  STREAM_CLOSED: 0x5,
  FRAME_SIZE_ERROR: 0x6,
  REFUSED_STREAM: 0x7,
  CANCEL: 0x8,
  COMPRESSION_ERROR: 0x9,
  CONNECT_ERROR: 0xa,
  ENHANCE_YOUR_CALM: 0xb,
  INADEQUATE_SECURITY: 0xc,
  HTTP_1_1_REQUIRED: 0xd,
} as const;

export type Http2CodeName = keyof typeof http2Code;

const names = new Map<number, string>(Object.entries(http2Code).map(([name, code]) => [code, name]));

/** The name of a code, or the number in decimal for one that RFC 9113 does not define. */
export function http2CodeName(code: number): string {
  return names.get(code) ?? String(code);
}
