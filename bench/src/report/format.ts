// Numbers as people read them; `–` where there is none.

const none = '–';

export function formatCount(value: number | null): string {
  return value === null ? none : String(Math.round(value));
}

/** Per second: whole numbers, small ones with a decimal. */
export function formatRate(value: number | null): string {
  if (!isNumber(value)) return none;
  return value < 100 ? value.toFixed(1) : Math.round(value).toLocaleString('en-US');
}

export function formatMs(value: number | null): string {
  if (!isNumber(value)) return none;
  return value < 100 ? value.toFixed(value < 10 ? 3 : 1) : String(Math.round(value));
}

export function formatUs(value: number | null): string {
  if (!isNumber(value)) return none;
  return value < 10 ? value.toFixed(1) : String(Math.round(value));
}

/** In MiB. */
export function formatBytes(value: number | null): string {
  return isNumber(value) ? (value / 1024 ** 2).toFixed(0) : none;
}

export function formatRatio(value: number | null | undefined): string {
  return value !== undefined && isNumber(value) ? value.toFixed(2) : none;
}

function isNumber(value: number | null): value is number {
  return value !== null && Number.isFinite(value);
}
