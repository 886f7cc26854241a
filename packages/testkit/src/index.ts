// What tests, the bench and the demo may use.

export { CertificateAuthority, type CertificatePair, createSelfSigned, type LeafOptions, writeCertificate } from './certificates.ts';
export {
  type ChildProcessOptions,
  type ExitStatus,
  type OriginProcess,
  startNode,
  startOriginProcess,
  startProcess,
  type TestProcess,
} from './child-process.ts';
export { type Clock, FakeClock, realClock, type Timer } from './fake-clock.ts';
export { type Http2CodeName, http2Code, http2CodeName } from './http2-codes.ts';
export { type OriginStats, TestOrigin, type TestOriginOptions } from './origin.ts';
export { contentBytes } from './origin-answers.ts';
export { eventually, type PollOptions } from './poll.ts';
export { createTemporaryDirectory, type TemporaryDirectory } from './temporary-directory.ts';
