// Renders docs/protocol/error-codes.md from the table of error codes.

import { errorCodes } from './error-code.ts';

/** The whole page as Markdown. The page in the repository must equal it; error-codes-page.test.ts says how to rewrite it. */
export function renderErrorCodesPage(): string {
  const rows = errorCodes.map(
    (code) =>
      `| ${code.number} | \`${code.name}\` | ${code.meaning} | ${code.retry} | \`${code.phpException}\` | ${code.operator} |`,
  );
  return `${head}\n${rows.join('\n')}\n`;
}

const head = `# Error codes

Generated from \`packages/protocol/src/error-code.ts\`; do not edit it here.

An ERROR frame carries number and name. Both are stable: they never change their meaning, and neither is ever used
again for anything else, not even after its row is gone. A receiver that does not know a number goes by \`processed\`.

- **meaning**: what happened.
- **retry**: who may send the same request again. *yes*: any request, whatever its method, because the origin did not act on
  it. *if idempotent*: requests with an idempotent method (RFC 9110 section 9.2.2), and others only where the frame says
  \`processed: no\`. *no*: nobody, for the outcome would be the same. The broker has made its own attempts before.
- **PHP exception**: the class under \`Hawser\\Exception\`.
- **operator**: where to look, or what to change.

| number | name | meaning | retry | PHP exception | operator |
| --- | --- | --- | --- | --- | --- |`;
