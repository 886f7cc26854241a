import { encodeFrame, errorCodes, FrameDecoder, FrameType, WireError } from '@hawser/protocol';
import { UpstreamError } from '@hawser/upstream';
import { describe, expect, test } from 'vitest';
import { BrokerError, toErrorFrame } from './errors.ts';

describe('an ERROR frame says', () => {
  test('code, name, message, processed and source of an upstream error', () => {
    const error = new UpstreamError('tls_expired', 'it has expired', { source: 'connect', processed: 'no' });
    expect(toErrorFrame(7, error)).toEqual({
      type: FrameType.error,
      exchangeId: 7,
      code: 45,
      name: 'tls_expired',
      message: 'it has expired',
      processed: 'no',
      source: 'connect',
      facts: null,
    });
  });

  test('the same of the broker and of the wire protocol', () => {
    const broker = new BrokerError('too_many_exchanges', 'no more', { source: 'client', processed: 'no' });
    expect(toErrorFrame(7, broker)).toMatchObject({ code: 6, name: 'too_many_exchanges', processed: 'no' });
    const wire = new WireError('frame_too_large', 'too long', { source: 'client' });
    expect(toErrorFrame(0, wire)).toMatchObject({ exchangeId: 0, code: 2, name: 'frame_too_large', source: 'client' });
  });

  test.each([[new TypeError('x is not a function')], ['a string'], [undefined], [null]])(
    'nothing of %s, which is a defect',
    (error) => {
      expect(toErrorFrame(7, error)).toMatchObject({
        code: 9,
        name: 'broker_internal',
        message: 'the broker failed; its log says why',
        processed: 'maybe',
        source: 'broker',
      });
    },
  );
});

test('every code can travel', () => {
  for (const { name, number } of errorCodes) {
    const error = new BrokerError(name, 'what happened', { source: 'broker', processed: 'no' });
    const names: unknown[] = [];
    new FrameDecoder({ from: 'broker' }).push(encodeFrame(toErrorFrame(1, error)), (frame) => names.push(frame));
    expect(names).toMatchObject([{ name, code: number }]);
  }
});
