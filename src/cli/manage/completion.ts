/** Completion of commands and options for shells, made from the commands themselves. */
import type { Command, Option } from 'commander';
import type { Output } from '../config-check.ts';

/** A command that can be completed: the words that lead to it, and those that may follow. */
interface Place {
  readonly path: string;
  readonly words: readonly string[];
}

/** `tollgate completion bash|zsh|fish`: prints what the shell is to read. */
export function addCompletion(program: Command, out: Output): void {
  program
    .command('completion <shell>')
    .description(
      'Print completion for bash, zsh or fish, to be read by the shell: source <(tollgate completion bash)',
    )
    .action((shell: string) => {
      const scripts: Readonly<Record<string, (places: readonly Place[]) => string>> = { bash, zsh, fish };
      const script = Object.hasOwn(scripts, shell) ? scripts[shell] : undefined;
      if (script === undefined)
        program.error(`error: there is completion for bash, zsh and fish, not for ${shell}`);
      else out.write(script(placesIn(program, [])));
    });
}

function placesIn(command: Command, path: readonly string[]): readonly Place[] {
  const visible = command.createHelp().visibleOptions(command);
  const options = visible.map((option: Option) => option.long).filter((long) => long != null);
  const below = command.commands.map((each) => each.name());
  return [
    { path: path.join(' '), words: [...below, ...options] },
    ...command.commands.flatMap((each) => placesIn(each, [...path, each.name()])),
  ];
}

function bash(places: readonly Place[]): string {
  const cases = places.map(({ path, words }) => `    '${path}') words='${words.join(' ')}' ;;`);
  return `_tollgate() {
  local at='' word words='' known=' ${places.map(({ path }) => path.replaceAll(' ', '/')).join(' ')} '
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    local longer="\${at:+$at }$word"
    case "$known" in *" \${longer// //} "*) at="$longer" ;; esac
  done
  case "$at" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -F _tollgate tollgate
`;
}

function zsh(places: readonly Place[]): string {
  return `autoload -U +X bashcompinit && bashcompinit\n${bash(places)}`;
}

function fish(places: readonly Place[]): string {
  const lines = places.map(({ path, words }) => {
    const condition =
      path === ''
        ? '__fish_use_subcommand'
        : path
            .split(' ')
            .map((word) => `__fish_seen_subcommand_from ${word}`)
            .join('; and ');
    return `complete -c tollgate -f -n '${condition}' -a '${words.join(' ')}'`;
  });
  return `${lines.join('\n')}\n`;
}
