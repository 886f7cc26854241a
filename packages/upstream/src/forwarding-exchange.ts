// What every layer around an exchange is made of: a handle and a sink that pass each call on.

import type { Fields } from '@hawser/http2';
import type { UpstreamError } from './errors.ts';
import type { Handle, ResponseSink } from './exchange.ts';

/** Passes handle calls down to `lower`, once there is one, and sink calls up. A layer overrides what it has a say in. */
export class ForwardingExchange implements Handle, ResponseSink {
  protected lower: Handle | null = null;
  protected readonly upper: ResponseSink;

  constructor(upper: ResponseSink) {
    this.upper = upper;
  }

  write(chunk: Buffer): void {
    this.lower?.write(chunk);
  }

  end(trailers?: Fields): void {
    this.lower?.end(trailers);
  }

  consume(bytes: number): void {
    this.lower?.consume(bytes);
  }

  cancel(cause?: UpstreamError): void {
    this.lower?.cancel(cause);
  }

  onInformational(status: number, fields: Fields): void {
    this.upper.onInformational(status, fields);
  }

  onResponse(status: number, fields: Fields): void {
    this.upper.onResponse(status, fields);
  }

  onData(chunk: Buffer): void {
    this.upper.onData(chunk);
  }

  onTrailers(fields: Fields): void {
    this.upper.onTrailers(fields);
  }

  onEnd(): void {
    this.upper.onEnd();
  }

  onError(error: UpstreamError): void {
    this.upper.onError(error);
  }

  onRequestConsumed(bytes: number): void {
    this.upper.onRequestConsumed(bytes);
  }

  onRestart(): boolean {
    return this.upper.onRestart?.() ?? false;
  }
}
