// `pnpm bench`: reads the command line, runs what it asks for, and writes table, JSON, report and charts.

import { parseArgs } from 'node:util';
import { chooseScenarios, hasErrors, runBench, scenarios } from './bench.ts';
import { type Contender, chooseContenders, contenders, isInQuick } from './contender.ts';
import {
  chooseLabContenders,
  formatNatResults,
  missingForLab,
  problemsOf,
  runNatBench,
  writeNatResults,
} from './nat/nat-bench.ts';
import { installPhpPackages } from './php-packages.ts';
import { describeMissing, findProgram, type Program } from './programs.ts';
import { showProgress } from './progress.ts';
import { resultsDirectory, writeJson, writeReport } from './report/files.ts';
import { formatResults } from './report/terminal.ts';
import { scales } from './scale.ts';
import { exitOnSignals } from './tied-process.ts';

const usage = `pnpm bench [scenario …] [--quick] [--contenders a,b] [--json FILE]
pnpm bench nat [--quick] [--contenders a,b] [--json FILE]

Scenarios (default: all)
${scenarios.map((scenario) => `  ${scenario.name.padEnd(12)} ${scenario.what}`).join('\n')}
  nat          apart from these: a NAT with few ports, and a rate that grows until it has none left (root, Linux)

Contenders (default: all; in nat: curl-new, haproxy-new, haproxy-h1-new, hawser-node, hawser-native)
${contenders.map((contender) => `  ${contender.name.padEnd(22)} ${contender.label}`).join('\n')}

  --quick              shorter rounds, and Hawser's other PHP interfaces by one engine only: everything in less than
                       five minutes on two cores
  --contenders NAMES   only these, separated by commas; 'hawser' takes all whose names begin with it
  --json FILE          write the results there, and neither report nor charts
`;

exitOnSignals();
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

  if (chosen.isNat) {
    const absent = missingForLab();
    for (const what of absent) process.stderr.write(`bench: the NAT lab needs ${what}\n`);
    if (absent.length > 0) return 2;
    const nat = await runNatBench(chosen.contenders, chosen.scale, showProgress(process.stderr));
    process.stdout.write(formatNatResults(nat));
    writeNatResults(nat, resultsDirectory, chosen.json);
    const problems = problemsOf(nat);
    for (const problem of problems) process.stderr.write(`bench: ${problem}\n`);
    return problems.length === 0 ? 0 : 1;
  }
  const results = await runBench(chosen.scenarios, chosen.contenders, chosen.scale, showProgress(process.stderr));
  process.stdout.write(formatResults(results));
  if (chosen.json === null) {
    writeReport(results, new Map(scenarios.map(({ name, what }) => [name, what])), resultsDirectory);
    process.stdout.write(`\nWritten into ${resultsDirectory}: latest.json, report.md and charts\n`);
  } else writeJson(results, chosen.json);
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
  const isNat = positionals.includes('nat');
  if (isNat && positionals.length > 1) throw new Error("'nat' is run alone, without other scenarios");
  const names = values.contenders?.split(',').map((name) => name.trim()) ?? [];
  const isWanted = (contender: Contender): boolean => !values.quick || names.length > 0 || isInQuick(contender);
  return {
    isNat,
    scenarios: isNat ? [] : chooseScenarios(positionals),
    contenders: isNat ? chooseLabContenders(names) : chooseContenders(names).filter(isWanted),
    scale: values.quick ? scales.quick : scales.full,
    json: values.json ?? null,
  };
}
