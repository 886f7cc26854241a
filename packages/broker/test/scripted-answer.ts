// An answer said once, and put into HTTP/2 frames or HTTP/1.1 octets by the scripted origin that a row of tests runs on.

import { engines } from '@hawser/http2';
import { encodeFields, type PeerConnection } from '@hawser/testkit';
import { ScriptedStand, type SeenHead, type SeenStream } from './scripted-stand.ts';

/** An answer, to be put into frames or octets. */
interface Answer {
  readonly interim?: readonly (readonly string[])[];
  readonly status?: number;
  readonly fields?: readonly string[];
  /** Pieces of the body; null: no body at all, not even an empty one. */
  readonly body?: readonly string[] | null;
  readonly trailers?: readonly string[];
}

export interface AnswerStand {
  readonly stand: ScriptedStand<SeenStream> | ScriptedStand<SeenHead>;
  /** What the next requests get. */
  answerWith(answer: Answer): void;
}

/** One stand for each way to speak HTTP, by name. */
export const answerStands: readonly [string, () => Promise<AnswerStand>][] = [
  ...engines.map((engine): [string, () => Promise<AnswerStand>] => [
    `HTTP/2, ${engine} engine`,
    async () => {
      const stand = await ScriptedStand.h2(engine);
      const answerWith = (answer: Answer) => {
        stand.answer = ({ connection, streamId }) => inFrames(connection, streamId, answer);
      };
      return { stand, answerWith };
    },
  ]),
  [
    'HTTP/1.1',
    async () => {
      const stand = await ScriptedStand.h1();
      const answerWith = (answer: Answer) => {
        stand.answer = ({ connection }) => connection.write(inOctets(answer));
      };
      return { stand, answerWith };
    },
  ],
];

function inFrames(connection: PeerConnection, streamId: number, answer: Answer): void {
  const { interim = [], status = 200, fields = [], body = [''], trailers } = answer;
  for (const [code, ...rest] of interim) connection.headers(streamId, [':status', code as string, ...rest]);
  const block = encodeFields([':status', String(status), ...fields]);
  // As few frames as may be: sections of many frames are a flood's.
  const pieces = Array.from({ length: Math.ceil(block.length / maxFrameBytes) }, (_, i) =>
    block.subarray(i * maxFrameBytes, (i + 1) * maxFrameBytes),
  );
  pieces.forEach((payload, i) => {
    const flags = (i === pieces.length - 1 ? 0x4 : 0) | (i === 0 && body === null ? 0x1 : 0);
    connection.send({ type: i === 0 ? 'HEADERS' : 'CONTINUATION', streamId, flags, payload });
  });
  if (body === null) return;
  body.forEach((piece, i) => {
    connection.data(streamId, piece, { endStream: trailers === undefined && i === body.length - 1 });
  });
  if (trailers !== undefined) connection.headers(streamId, trailers, { endStream: true });
}

const maxFrameBytes = 16 * 1024;

function inOctets(answer: Answer): Buffer {
  const { interim = [], status = 200, fields = [], body = [''], trailers = [] } = answer;
  let text = interim.map(([code, ...rest]) => `HTTP/1.1 ${code} Interim\r\n${linesOf(rest)}\r\n`).join('');
  text += `HTTP/1.1 ${status} Status\r\n${linesOf(fields)}`;
  if (body === null || fields.includes('content-length')) text += `\r\n${body?.join('') ?? ''}`;
  else {
    text += 'transfer-encoding: chunked\r\n\r\n';
    for (const piece of body) if (piece !== '') text += `${piece.length.toString(16)}\r\n${piece}\r\n`;
    text += `0\r\n${linesOf(trailers)}\r\n`;
  }
  return Buffer.from(text, 'latin1');
}

function linesOf(fields: readonly string[]): string {
  let lines = '';
  for (let i = 0; i < fields.length; i += 2) lines += `${fields[i]}: ${fields[i + 1]}\r\n`;
  return lines;
}
