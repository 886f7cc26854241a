// Charts as SVG; the only file that knows echarts.

import { BarChart, CustomChart, LineChart } from 'echarts/charts';
import { GridComponent, LegendComponent, TitleComponent } from 'echarts/components';
import { type EChartsCoreOption, init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import type { Row } from '../row.ts';
import { formatRate, formatUs } from './format.ts';

use([BarChart, CustomChart, LineChart, GridComponent, LegendComponent, TitleComponent, SVGRenderer]);

const width = 900;
const rowHeight = 26;
const ink = '#24292f';
const colours = { other: '#8c959f', hawser: '#0969da', php: '#777bb3', broker: '#0969da', origin: '#d0d7de' } as const;

/** Requests per second of each row as bars, with the lowest and the highest round as whiskers. */
export function drawRates(title: string, rows: readonly Row[]): string {
  const names = rows.map((row) => row.contender);
  return draw(rows.length, {
    ...frame(title, names, 'requests/s'),
    series: [
      {
        type: 'bar',
        data: rows.map((row) => ({
          value: row.requestsPerSecond,
          itemStyle: { color: row.contender.startsWith('hawser') ? colours.hawser : colours.other },
        })),
      },
      whiskers(rows),
    ],
  });
}

/** CPU per request of PHP, of the broker or proxy and of the origin, one after the other. */
export function drawCpu(title: string, rows: readonly Row[]): string {
  const names = rows.map((row) => row.contender);
  const part = (name: string, color: string, value: (row: Row) => number | null, isLast = false) => ({
    type: 'bar' as const,
    name,
    stack: 'cpu',
    itemStyle: { color },
    data: rows.map((row) => ({
      value: value(row) ?? 0,
      label: { show: isLast, position: 'right', color: ink, formatter: formatUs(cpuOf(row)) },
    })),
  });
  return draw(rows.length, {
    ...frame(title, names, 'µs of CPU per request'),
    legend: { top: 26, right: 20, textStyle: { color: ink } },
    series: [
      part('PHP', colours.php, (row) => row.phpCpuUs),
      part('broker or proxy', colours.broker, (row) => row.brokerCpuUs),
      part('origin', colours.origin, (row) => row.originCpuUs, true),
    ],
  });
}

/** A line of the lab's chart: `[seconds, value]`. */
export interface Line {
  readonly name: string;
  readonly points: readonly (readonly [number, number])[];
}

/** Lines over seconds. */
export function drawLines(title: string, unit: string, lines: readonly Line[]): string {
  return draw(14, {
    backgroundColor: '#ffffff',
    title: { text: title, left: 10, top: 6, textStyle: { fontSize: 15, color: ink } },
    legend: { top: 30, textStyle: { color: ink } },
    grid: { left: 60, right: 30, top: 70, bottom: 45 },
    xAxis: { type: 'value', name: 'seconds', nameLocation: 'middle', nameGap: 28 },
    yAxis: { type: 'value', name: unit },
    series: lines.map(({ name, points }) => ({ type: 'line', name, showSymbol: false, data: points })),
  });
}

function cpuOf(row: Row): number {
  return (row.phpCpuUs ?? 0) + (row.brokerCpuUs ?? 0) + (row.originCpuUs ?? 0);
}

function frame(title: string, names: readonly string[], unit: string): EChartsCoreOption {
  return {
    backgroundColor: '#ffffff',
    title: { text: title, left: 10, top: 6, textStyle: { fontSize: 15, color: ink } },
    grid: { left: 175, right: 90, top: 55, bottom: 45 },
    xAxis: { type: 'value', name: unit, nameLocation: 'middle', nameGap: 28 },
    yAxis: { type: 'category', data: names, inverse: true, axisLabel: { color: ink }, axisTick: { show: false } },
  };
}

/** From the lowest round to the highest, and behind that the rate: on the bar it would lie under the whisker. */
function whiskers(rows: readonly Row[]) {
  return {
    type: 'custom' as const,
    silent: true,
    z: 3,
    data: rows.map(({ requestsPerSecond, spread }, i) => [
      ...(spread.requestsPerSecond ?? [requestsPerSecond, requestsPerSecond]),
      i,
    ]),
    encode: { x: [0, 1], y: 2 },
    // biome-ignore lint/suspicious/noExplicitAny: echarts gives the api of a custom series no exported type.
    renderItem: (_: unknown, api: any) => {
      const row = rows[api.value(2)] as Row;
      const [low, y] = api.coord([api.value(0), api.value(2)]);
      const [high] = api.coord([api.value(1), api.value(2)]);
      const text = { text: formatRate(row.requestsPerSecond), fill: ink, fontSize: 12, verticalAlign: 'middle' };
      const line = (x1: number, y1: number, x2: number, y2: number) => ({
        type: 'line',
        shape: { x1, y1, x2, y2 },
        style: { stroke: ink, lineWidth: 1 },
      });
      return {
        type: 'group',
        children: [
          line(low, y, high, y),
          line(low, y - 4, low, y + 4),
          line(high, y - 4, high, y + 4),
          { type: 'text', x: high + 8, y, style: text },
        ],
      };
    },
  };
}

function draw(rows: number, option: EChartsCoreOption): string {
  const chart = init(null, null, { renderer: 'svg', ssr: true, width, height: 100 + rows * rowHeight });
  chart.setOption({ animation: false, ...option });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}
