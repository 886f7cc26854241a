// `pnpm bench`: reads the command line, runs what it asks for, and writes table, JSON, report and charts.

import { parseArgs } from 'node:util';
import { chooseScenarios, hasErrors, runBench, scenarios } from './bench.ts';
import { chooseContenders, contenders } from './contender.ts';
import { installPhpPackages } from './php-packages.ts';
import { describeMissing, findProgram, type Program } from './programs.ts';
import { showProgress } from './progress.ts';
import { writeResults } from './report/files.ts';
import { formatResults } from './report/terminal.ts';
import { scales } from './scale.ts';

const usage = `pnpm bench [scenario …] [--quick] [--contenders a,b] [--json FILE]
pnpm bench nat [--quick] [--contenders a,b] [--json FILE]

Scenarios (default: all but nat)
${scenarios.map((scenario) => `  ${scenario.name.padEnd(12)} ${scenario.what}`).join('\n')}

Contenders (default: all)
${contenders.map((contender) => `  ${contender.name.padEnd(22)} ${contender.label}`).join('\n')}

  --quick              shorter rounds: everything in less than five minutes on two cores
  --contenders NAMES   only these, separated by commas; 'hawser' takes all whose names begin with it
  --json FILE          write the results there, and neither report nor charts
`;

// Exit listeners end what still runs and remove what was written.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  let chosen: ReturnType<typeof choose>;
  try {
    chosen = choose(args);
  } catch (error) {
    process.stderr.write(`bench: ${(error as Error).message}\n`);
    return 2;
  }
  if (chosen === null) {
    process.stdout.write(usage);
    return 0;
  }
  // Without these there is no bench; what only some contenders need is told when they are skipped.
  const missing = (['php', 'nginx'] satisfies Program[]).filter((program) => findProgram(program) === null);
  for (const program of missing) process.stderr.write(`bench: ${describeMissing(program)}\n`);
  if (missing.length > 0) return 2;
  await installPhpPackages((text) => process.stderr.write(`${text}\n`));

  const results = await runBench(chosen.scenarios, chosen.contenders, chosen.scale, showProgress(process.stderr));
  process.stdout.write(formatResults(results));
  writeResults(results, chosen.json);
  return hasErrors(results) ? 1 : 0;
}

function choose(args: readonly string[]) {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      quick: { type: 'boolean', default: false },
      contenders: { type: 'string' },
      json: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return null;
  return {
    scenarios: chooseScenarios(positionals),
    contenders: chooseContenders(values.contenders?.split(',').map((name) => name.trim()) ?? []),
    scale: values.quick ? scales.quick : scales.full,
    json: values.json ?? null,
  };
}
