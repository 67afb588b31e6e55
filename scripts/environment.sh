# Sourced by scripts/run and scripts/test: makes the virtual environment and installs the package into it, once.
#
#   prepare_environment EXTRA     EXTRA: "" or an extra of setup.cfg; sets $venv
#
# ENHANCE_VENV    another place for the virtual environment
# ENHANCE_PYTHON  another interpreter to make it with
# Everything is said on stderr; stdout belongs to the command that follows.

root=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd -P) || exit 1
venv=${ENHANCE_VENV:-$root/.venv}
case $venv in /*) ;; *) venv=$PWD/$venv ;; esac

say() { printf 'enhance: %s\n' "$*" >&2; }
die() { say "$*"; exit 2; }

find_python() {
    for candidate in ${ENHANCE_PYTHON:+"$ENHANCE_PYTHON"} python3 python3.13 python3.12 python3.11 python3.10 python; do
        "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 10))' >/dev/null 2>&1 || continue
        "$candidate" -c 'import ensurepip, venv' >/dev/null 2>&1 && { echo "$candidate"; return; }
        bare=$candidate
    done
    [ -z "${bare:-}" ] || die "$bare has no venv module (Debian, Ubuntu: apt install python3-venv)"
    die "Python 3.10 or newer is needed and was not found (set ENHANCE_PYTHON to it)"
}

# A name for what the environment must hold: it changes when the requirements, the pins or the checkout's place do.
wanted_state() {
    { cat "$root/setup.cfg" "$root/pyproject.toml" "$root/constraints.txt" && echo "$root"; } | cksum
}

# Three files tell what stands there: .enhance-lock (this script made the folder: others are left alone), .enhance-whole
# (the last installation ran to its end) and .enhance-has-EXTRA (which state it was made from).
is_installed() {
    [ -e "$venv/.enhance-whole" ] && [ -x "$venv/bin/python" ] &&
        [ "$(cat "$venv/.enhance-has-${1:-run}" 2>/dev/null)" = "$(wanted_state)" ]
}

install_package() {
    if [ ! -e "$venv/.enhance-whole" ] || [ ! -x "$venv/bin/python" ]; then
        say "making $venv (once; it takes a few minutes and about 1.3 gigabytes, 1.8 for the tests)"
        find "$venv" -mindepth 1 -maxdepth 1 ! -name .enhance-lock -exec rm -rf {} +
        "$1" -m venv "$venv" >&2 || return 1
    fi
    rm -f "$venv/.enhance-whole"
    say "installing the package${2:+ and what its \"$2\" extra needs}"
    "$venv/bin/python" -m pip install --disable-pip-version-check --progress-bar off \
        --constraint "$root/constraints.txt" --editable "$root${2:+[$2]}" >&2 || return 1
    for extra in run $2; do wanted_state > "$venv/.enhance-has-$extra"; done
    : > "$venv/.enhance-whole"
}

prepare_environment() {
    is_installed "$1" && return
    python=$(find_python) || exit 2
    # In this order: another first run makes the lock before anything else, so what is seen beside no lock is foreign.
    if [ -n "$(ls -A "$venv" 2>/dev/null)" ] && [ ! -e "$venv/.enhance-lock" ]; then
        die "$venv was not made by this script: move it away, or set ENHANCE_VENV to another folder"
    fi
    mkdir -p "$venv" || exit 2
    # The lock belongs to the open file, so it goes when this shell and the pip under it are gone, however that happens.
    exec 9> "$venv/.enhance-lock" || exit 2
    "$python" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)' || exit 2
    is_installed "$1" || install_package "$python" "$1" ||
        die "the environment could not be made, see above; the next run starts afresh"
    exec 9>&-
}
