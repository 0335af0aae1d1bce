/** Completion for shells: of commands and options, made from the commands themselves, and of names, asked of the server. */
import type { Argument, Command, Option } from 'commander';
import { z } from 'zod';
import { clientFor, type ManageContext, query } from './context.ts';
import { profilesFile, readProfiles } from './profiles.ts';
import { printable } from './table.ts';

/** Kinds of records whose names can be completed, as arguments are called. */
const KINDS = ['token', 'zone', 'user', 'agent', 'profile'] as const;
type Kind = (typeof KINDS)[number];

/** A command that can be completed: the words that lead to it, and what may follow. */
interface Place {
  readonly path: string;
  readonly words: readonly string[];
  /** What its first argument names; null for something else, or nothing. */
  readonly kind: Kind | null;
}

/** Options that take a name, with what it is a name of. */
const OPTION_KINDS: Readonly<Record<string, Kind>> = {
  '--in-zone': 'zone',
  '--not-in-zone': 'zone',
  '--for': 'user',
};

/** More names than this are not read through. */
const NAMES_MAX = 100;

/** `tollgate completion bash|zsh|fish`: prints what the shell is to read; and the hidden command that it asks for names. */
export function addCompletion(program: Command, context: ManageContext): void {
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
      else context.out.write(script(placesIn(program, [])));
    });
  program
    .command('names <kind> [beginning]', { hidden: true })
    .description('Print the names that begin so, for completion.')
    .action(async (kind: string, beginning = '') => {
      for (const name of await namesOf(kind, beginning, context)) context.out.write(`${printable(name)}\n`);
    });
}

const byName = z.array(z.object({ name: z.string() }));
const byLogin = z.array(z.object({ profile: z.object({ login: z.string() }) }));

async function namesOf(kind: string, beginning: string, context: ManageContext): Promise<readonly string[]> {
  const names = await candidates(kind, beginning, context);
  return names.filter((name) => name.toLowerCase().startsWith(beginning.toLowerCase()));
}

async function candidates(kind: string, q: string, context: ManageContext): Promise<readonly string[]> {
  if (kind === 'profile') return Object.keys(readProfiles(profilesFile(context.env)).profiles);
  const found = async (path: string) => (await clientFor(context).ask('GET', path)).body;
  const limit = String(NAMES_MAX);
  switch (kind) {
    case 'token':
      return byName.parse(await found(`/api/v1/api-tokens${query({ q, limit })}`)).map(({ name }) => name);
    case 'zone':
      return byName.parse(await found('/api/v1/zones')).map(({ name }) => name);
    case 'user':
      return byLogin
        .parse(await found(`/api/v1/users${query({ q, limit })}`))
        .map(({ profile }) => profile.login);
    case 'agent':
      return byName.parse(await found('/api/v1/agents')).map(({ name }) => name);
    default:
      return [];
  }
}

function placesIn(command: Command, path: readonly string[]): readonly Place[] {
  const help = command.createHelp();
  const options = help.visibleOptions(command).map((option: Option) => option.long);
  const below = help
    .visibleCommands(command)
    .map((each) => each.name())
    .filter((name) => name !== 'help');
  return [
    {
      path: path.join(' '),
      words: [...below, ...options.filter((long) => long != null)],
      kind: kindOf(command.registeredArguments[0]),
    },
    ...command.commands
      .filter((each) => below.includes(each.name()))
      .flatMap((each) => placesIn(each, [...path, each.name()])),
  ];
}

function kindOf(argument: Argument | undefined): Kind | null {
  return KINDS.find((kind) => kind === argument?.name()) ?? null;
}

// Names are quoted before the shell sees them as words: what others called their records must not be run.
function bash(places: readonly Place[]): string {
  const cases = places.map(
    ({ path, words, kind }) => `    '${path}') words='${words.join(' ')}' kind='${kind ?? ''}' ;;`,
  );
  const options = Object.entries(OPTION_KINDS).map(
    ([option, kind]) => `    ${option}) words='' kind='${kind}' ;;`,
  );
  return `_tollgate() {
  local at='' word words='' kind='' name known=' ${places.map(({ path }) => path.replaceAll(' ', '/')).join(' ')} '
  local typed="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}"
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    local longer="\${at:+$at }$word"
    case "$known" in *" \${longer// //} "*) at="$longer" ;; esac
  done
  case "$at" in
${cases.join('\n')}
  esac
  case "$before" in
${options.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$typed"))
  if [[ -n "$kind" && "$typed" != -* ]]; then
    while IFS= read -r name; do
      COMPREPLY+=("$(printf %q "$name")")
    done < <("\${COMP_WORDS[0]}" names "$kind" "$typed" 2>/dev/null)
  fi
}
complete -F _tollgate tollgate
`;
}

function zsh(places: readonly Place[]): string {
  return `autoload -U +X bashcompinit && bashcompinit\n${bash(places)}`;
}

function fish(places: readonly Place[]): string {
  const names = (kind: Kind) => `(tollgate names ${kind} (commandline -ct) 2>/dev/null)`;
  const lines = places.map(({ path, words, kind }) => {
    const condition =
      path === ''
        ? '__fish_use_subcommand'
        : path
            .split(' ')
            .map((word) => `__fish_seen_subcommand_from ${word}`)
            .join('; and ');
    const all = kind === null ? words : [...words, names(kind)];
    return `complete -c tollgate -f -n '${condition}' -a '${all.join(' ')}'`;
  });
  const options = Object.entries(OPTION_KINDS).map(
    ([option, kind]) => `complete -c tollgate -l ${option.slice(2)} -x -a '${names(kind)}'`,
  );
  return `${[...lines, ...options].join('\n')}\n`;
}
