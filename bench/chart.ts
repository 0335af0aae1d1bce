import { BarChart } from 'echarts/charts';
import { GridComponent, TitleComponent } from 'echarts/components';
import { init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';

use([BarChart, GridComponent, TitleComponent, SVGRenderer]);

/** One figure for each row. */
export interface Bars {
  /** The end of the file's name. */
  readonly name: string;
  readonly title: string;
  readonly unit: string;
  readonly bars: readonly { readonly name: string; readonly value: number }[];
}

const WIDTH = 720;
const BAR_HEIGHT = 32;
const AROUND = 90;
const OURS = '#1f77b4';
const OTHERS = '#a0a0a0';

/** @returns an SVG document: horizontal bars, the first on top, ours in another colour */
export function chartOf({ title, unit, bars }: Bars): string {
  const chart = init(null, null, {
    renderer: 'svg',
    ssr: true,
    width: WIDTH,
    height: bars.length * BAR_HEIGHT + AROUND,
  });
  chart.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    title: { text: title, subtext: unit, left: 'left', textStyle: { fontSize: 14 } },
    grid: { left: 150, right: 60, top: 56, bottom: 24 },
    xAxis: { type: 'value' },
    yAxis: { type: 'category', inverse: true, data: bars.map(({ name }) => name) },
    series: [
      {
        type: 'bar',
        label: {
          show: true,
          position: 'right',
          formatter: ({ value }: { value: unknown }) => Number(value).toFixed(1),
        },
        data: bars.map(({ name, value }) => ({
          value,
          itemStyle: { color: name.startsWith('tollgate') ? OURS : OTHERS },
        })),
      },
    ],
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}
