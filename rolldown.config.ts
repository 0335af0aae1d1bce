/** How `npm run build` makes `dist/`: the program and every package that it uses, to be run by node alone. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { defineConfig, type Plugin } from 'rolldown';

export default defineConfig({
  input: 'src/main.ts',
  platform: 'node',
  plugins: [notices()],
  // Wanted by `debug` where it happens to be there, which it is for those who build alone.
  external: ['supports-color'],
  output: {
    dir: 'dist',
    cleanDir: true,
    // Names that stay the same from one build to the next; a command's own parts are loaded when it is given.
    chunkFileNames: '[name].js',
    sourcemap: true,
  },
});

/** Adds what the packages inside want to travel with them, their licences; and what says that the files are modules. */
function notices(): Plugin {
  return {
    name: 'notices',
    generateBundle() {
      const folders = new Set([...this.getModuleIds()].flatMap(packageFolder));
      const texts = [...folders].sort().flatMap(licencesIn);
      this.emitFile({ type: 'asset', fileName: 'LICENCES.txt', source: texts.join('\n') });
      this.emitFile({ type: 'asset', fileName: 'package.json', source: '{ "type": "module" }\n' });
    },
  };
}

/** The folder of the package that a file is of; none for our own. */
function packageFolder(file: string): string[] {
  return /^\/.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.slice(0, 1) ?? [];
}

/** Some packages name their licence only, and have no text of their own for it. */
function licencesIn(folder: string): string[] {
  const { name, version, license } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'));
  const files = readdirSync(folder).filter((file) => /^licen[cs]e|^notice/i.test(file));
  const texts = files.map((file) => readFileSync(path.join(folder, file), 'utf8'));
  return [`${'='.repeat(80)}\n${name} ${version}: ${license}\n${'='.repeat(80)}`, ...texts];
}
