// What tests, the bench and the demo may use.

export { BlackHole } from './black-hole.ts';
export {
  CertificateAuthority,
  type CertificatePair,
  createSelfSigned,
  type LeafOptions,
  writeCertificate,
} from './certificates.ts';
export {
  type ChildProcessOptions,
  type ExitStatus,
  type OriginProcess,
  startNode,
  startOriginProcess,
  startProcess,
  type TestProcess,
} from './child-process.ts';
export { type DnsReply, type DnsScript, DnsServer } from './dns-server.ts';
export { type Clock, FakeClock, realClock, type Timer } from './fake-clock.ts';
export { type FastCgiRequest, type FastCgiResponse, requestFastCgi } from './fastcgi.ts';
export { encodeFields, type FrameInit, type FrameTypeName, Http2Frame, http2Preface, writeFrame } from './h2-frame.ts';
export { type Http2CodeName, http2Code, http2CodeName } from './http2-codes.ts';
export { type OriginStats, TestOrigin, type TestOriginOptions } from './origin.ts';
export { contentBytes } from './origin-answers.ts';
export { PhpFpm, type PhpFpmOptions } from './php-fpm.ts';
export { eventually, type PollOptions } from './poll.ts';
export { get, hello, RawClient } from './raw-client.ts';
export {
  http2Setting,
  PeerConnection,
  PeerConnectionEnded,
  ScriptedHttp2Peer,
  type ScriptedPeerOptions,
} from './scripted-h2-peer.ts';
export { RawConnection, type RawPeerOptions, ScriptedRawPeer } from './scripted-raw-peer.ts';
export { createTemporaryDirectory, type TemporaryDirectory } from './temporary-directory.ts';
