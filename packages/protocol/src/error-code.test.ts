import { expect, it } from 'vitest';
import { errorCodes, errorNumber } from './error-code.ts';

it('gives each number and each name once, in the order of the numbers', () => {
  const numbers = errorCodes.map((code) => code.number);
  expect(new Set(numbers).size).toBe(numbers.length);
  expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
  expect(new Set(errorCodes.map((code) => code.name)).size).toBe(numbers.length);
});

it('finds the number of every name', () => {
  for (const code of errorCodes) expect(errorNumber(code.name)).toBe(code.number);
});

it('keeps what is already in use', () => {
  // Numbers and names are never reused: a change here breaks deployed clients.
  const some = { protocol_error: 1, request_invalid: 20, origin_forbidden: 30, dns_failed: 40, deadline_exceeded: 60 };
  for (const [name, number] of Object.entries(some)) expect(errorNumber(name as keyof typeof some)).toBe(number);
});
