// The wire between the PHP client and the broker: frames, codec, error codes.

export {
  initialWindowBytes,
  lengthPrefixBytes,
  maxDataBytes,
  maxExchangeId,
  maxExchangesPerConnection,
  maxFieldLines,
  maxFieldSectionBytes,
  maxFrameBytes,
  maxWindowBytes,
  nonceBytes,
  pingBytes,
  wireVersion,
} from './constants.ts';
export { FrameDecoder, type FrameDecoderOptions } from './decode.ts';
export { encodeDataHead, encodeFrame } from './encode.ts';
export { encodeAroundBody } from './encode-response.ts';
export { type ErrorCode, type ErrorName, errorCodes, errorNumber } from './error-code.ts';
export { type Peer, WireError, type WireErrorOptions } from './errors.ts';
export {
  type BrokerFrame,
  type CancelFrame,
  type ClientFrame,
  type DataFrame,
  type EndFrame,
  type ErrorFrame,
  type ExchangeFacts,
  type Fields,
  type Frame,
  FrameType,
  flagEnd,
  type GoawayFrame,
  type HelloFrame,
  type InformationalFrame,
  type PingFrame,
  type PongFrame,
  type RequestFrame,
  type ResponseFrame,
  type WelcomeFrame,
  type WindowFrame,
} from './frame.ts';
export { WelcomeFinder } from './resync.ts';
