"""Prints what completes commands, options and their choices in bash, zsh or fish.

enhance completion bash > ~/.local/share/bash-completion/completions/enhance
enhance completion zsh > ~/.zfunc/_enhance
enhance completion fish > ~/.config/fish/completions/enhance.fish
"""

from __future__ import annotations

import argparse
import shlex
import string

from enhance.cli.console import require_stdout
from enhance.cli.parser import Parser

_BASH = string.Template("""\
_enhance_words() {
    local word=$${COMP_WORDS[COMP_CWORD]} before=$${COMP_WORDS[COMP_CWORD-1]} command=$${COMP_WORDS[1]} words=
    COMPREPLY=()
    if [ "$$COMP_CWORD" -eq 1 ]; then
        words=$commands
    else
        case "$$command $$before" in
$choices
            *) case "$$word" in
                -*) case "$$command" in
$options
                    esac ;;
                *) $files ;;
            esac ;;
        esac
    fi
    COMPREPLY=($$(compgen -W "$$words" -- "$$word"))
}
complete -o $else_ -F _enhance_words enhance
""")
_BASHS_OWN = {"files": 'COMPREPLY=($(compgen -f -- "$word")); return', "else_": "filenames"}
# zsh knows files better itself: with "filenames" it would write no space after an option or a command.
_ZSHS_OWN = {"files": "return", "else_": "default"}
_ZSH = "#compdef enhance\nautoload -U +X bashcompinit && bashcompinit\n"
# zsh reads the file at the first Tab, which is to complete something, too.
_ZSH_AT_ONCE = "(( ${+compstate} )) && _bash_complete -o default -F _enhance_words\n"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what `enhance completion` understands."""
    parser.usage = "enhance completion bash|zsh|fish"
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), help="the shell that reads it")


def main(options: argparse.Namespace) -> int:
    """Prints the script. Returns the exit status."""
    from enhance.cli.main import command_parser, commands

    require_stdout()
    parsers = {name: command_parser(name)[0] for name in commands()}
    if options.shell == "fish":
        print("\n".join(_fish(commands(), parsers)))
    else:
        is_zsh = options.shell == "zsh"
        script = _bash(parsers, _ZSHS_OWN if is_zsh else _BASHS_OWN)
        print(f"{_ZSH}{script}{_ZSH_AT_ONCE}" if is_zsh else script, end="")
    return 0


def _bash(parsers: dict[str, Parser], own: dict[str, str]) -> str:
    choices = [
        f"            {'|'.join(shlex.quote(f'{name} {option}') for option in action.option_strings)}) "
        f"words={shlex.quote(' '.join(map(str, action.choices)))} ;;"
        for name, parser in parsers.items()
        for action in parser.actions()
        if action.choices and action.option_strings
    ]
    first = [
        f"            {shlex.quote(f'{name} {name}')}) words={shlex.quote(' '.join(map(str, action.choices)))} ;;"
        for name, parser in parsers.items()
        for action in parser.actions()
        if action.choices and not action.option_strings
    ]
    options = [
        f"                    {name}) words={shlex.quote(' '.join(parser.options()))} ;;"
        for name, parser in parsers.items()
    ]
    return _BASH.substitute(
        own, commands=shlex.quote(" ".join(parsers)), choices="\n".join(choices + first), options="\n".join(options)
    )


def _fish(commands: dict[str, str], parsers: dict[str, Parser]) -> list[str]:
    lines = ["complete -c enhance -n __fish_use_subcommand -f"]
    lines += [
        f"complete -c enhance -n __fish_use_subcommand -a {name} -d {shlex.quote(text)}"
        for name, text in commands.items()
    ]
    for name, parser in parsers.items():
        for action in parser.actions():
            words = [f"complete -c enhance -n '__fish_seen_subcommand_from {name}'"]
            words += [
                f"-l {option[2:]}" if option[1] == "-" else f"-s {option[1:]}" for option in action.option_strings
            ]
            if action.choices:
                words.append(f"-xa {shlex.quote(' '.join(map(str, action.choices)))}")
            if action.option_strings or action.choices:
                lines.append(" ".join([*words, f"-d {shlex.quote((action.help or '').split(';')[0] % vars(action))}"]))
    return lines
