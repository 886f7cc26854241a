// The daemon as a library: what `hawser serve` is made of.

export { Broker } from './broker.ts';
export { type Config, defaultConfig } from './config/config.ts';
export { ConfigError, loadConfig, parseConfig } from './config/file.ts';
export { ListenError } from './listener.ts';
export { createLog, type Logger, type LogLevel, logLevels } from './log.ts';
