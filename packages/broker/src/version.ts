// Name and version as the broker gives them to clients and on the command line.

import { readFileSync } from 'node:fs';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

export const brokerVersion = version;
export const brokerAgent = `hawser/${version}`;
