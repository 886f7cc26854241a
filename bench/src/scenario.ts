// What every scenario offers to the command.

import type { Contender } from './contender.ts';
import type { Row } from './row.ts';
import type { Stand } from './stand.ts';

export interface Scenario {
  readonly name: string;
  /** One line for the report: what is done, and what a request is. */
  readonly what: string;
  /** The rows of all contenders that can take part; the others are told to `stand.skip`. */
  run(stand: Stand, contenders: readonly Contender[]): Promise<Row[]>;
}
