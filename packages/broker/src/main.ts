#!/usr/bin/env node
// The `hawser` command line; the only file that knows commander.

import { setFlagsFromString } from 'node:v8';
import { Command, InvalidArgumentError, Option } from 'commander';
import { Broker } from './broker.ts';
import { type Config, defaultConfig, defaultSocketPath } from './config/config.ts';
import { ConfigError, loadConfig } from './config/file.ts';
import { ListenError } from './listener.ts';
import { createLog, type LogLevel, logLevels } from './log.ts';
import { type RequestOptions, runRequest } from './request-command.ts';
import { brokerVersion } from './version.ts';

/** A container gets 30 s between SIGTERM and SIGKILL by default; this leaves room to say goodbye. */
const drainMs = 25_000;

/**
 * How much of the live heap may be added before all of it is searched for garbage. Buffers of sockets count as heap: by
 * V8's own measure a body of 10 MiB costs a search, which is a third of the broker's time.
 */
const heapGrowingPercent = 300;

const program = new Command('hawser')
  .description('A connection broker for PHP: shared HTTP/2 and keep-alive HTTP/1.1 sessions for every worker of a pod.')
  .version(brokerVersion);

program
  .command('serve')
  .description('run the broker until SIGTERM or SIGINT, then drain')
  .addOption(
    new Option('--config <file>', 'configuration (YAML); without it every origin works with the defaults').env(
      'HAWSER_CONFIG',
    ),
  )
  .addOption(new Option('--socket <path>', `Unix socket for PHP (default: ${defaultSocketPath})`).env('HAWSER_SOCKET'))
  .addOption(new Option('--log-level <level>', 'least severe level that is logged').choices(logLevels).default('info'))
  .action(serve);

program
  .command('request')
  .description('send one request through a running broker and print the answer')
  .argument('<url>', 'absolute http or https URL')
  .option('-X, --method <method>', 'request method (default: GET, with --data POST)')
  .option('-H, --header <field>', "field as 'name: value'; may be repeated", collectField, [])
  .option('-d, --data <text>', 'request body; @FILE reads a file, @- standard input')
  .option('-i, --include', 'print status and fields before the body')
  .option('--facts', 'print what the broker says of the exchange to standard error')
  .option('--timeout <ms>', 'time for the whole exchange in milliseconds', wholeMs, 30_000)
  .addOption(new Option('--socket <path>', "the broker's Unix socket").env('HAWSER_SOCKET').default(defaultSocketPath))
  .action(async (url: string, options: RequestOptions) => {
    process.exitCode = await runRequest(url, options);
  });

await program.parseAsync();

async function serve(options: { config?: string; socket?: string; logLevel: LogLevel }): Promise<void> {
  setFlagsFromString(`--heap-growing-percent=${heapGrowingPercent}`);
  try {
    const config = configFrom(options);
    // Before the socket is there: who sees it may also want it gone. A second signal ends the process at once.
    const signalled = new Promise<unknown>((resolve) => process.once('SIGTERM', resolve).once('SIGINT', resolve));
    const broker = await Broker.start(config, createLog(options.logLevel));
    await signalled;
    await broker.drain(drainMs);
    process.exit(0);
  } catch (error) {
    if (!(error instanceof ConfigError || error instanceof ListenError)) throw error;
    process.stderr.write(`hawser: ${error.message}\n`);
    process.exitCode = 1;
  }
}

function configFrom(options: { config?: string; socket?: string }): Config {
  const config = options.config === undefined ? defaultConfig : loadConfig(options.config);
  if (options.socket === undefined) return config;
  if (!options.socket.startsWith('/'))
    throw new ConfigError(`--socket is '${options.socket}'; allowed: an absolute path`);
  return { ...config, listen: { ...config.listen, socket: options.socket } };
}

function collectField(text: string, fields: string[]): string[] {
  const colon = text.indexOf(':');
  if (colon < 1) throw new InvalidArgumentError("a field is 'name: value'.");
  return [...fields, text.slice(0, colon).trim().toLowerCase(), text.slice(colon + 1).trim()];
}

function wholeMs(text: string): number {
  if (!/^[0-9]{1,8}$/.test(text) || Number(text) < 1) throw new InvalidArgumentError('allowed: 1 to 99999999.');
  return Number(text);
}
