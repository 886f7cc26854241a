// What a header block that breaks RFC 7541 is answered with.

/**
 * The block cannot be decoded, and neither can any later one: the connection ends with COMPRESSION_ERROR (RFC 9113 section 4.3).
 * The message names the rule and the octet's place, and no field value.
 */
export class HpackError extends Error {
  override readonly name = 'HpackError';
}
