# The private virtual environment, set up when it is missing or no longer what the files ask for.
#
# Sourced by tools/netsim and tools/test, with $root (the checkout) set. `need_venv base` makes sure of what netsim
# needs to run, `need_venv dev` of what its tests need besides. Afterwards $python is the environment's interpreter.
#
# What was installed is remembered as a copy of pyproject.toml and constraints.txt, written last: an installation that
# was killed half-way has none, and is made again. Nothing of the environment but its interpreter is ever called by
# path, so that the checkout can be moved.

venv=$root/.venv
python=$venv/bin/python

need_venv() {
    _is_installed "$1" && return
    _find_python
    [ -w "$root" ] || _fail "its Python environment is to be set up in $root, which cannot be written to"
    exec 9>"$root/.venv.lock" # locked as long as this is open; by Python, as flock(1) may be missing
    "$system_python" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)'
    if ! _is_installed "$1"; then # nobody else has done it in the meantime
        echo "netsim: setting up its Python environment in $venv (once, about a minute)" >&2
        if ! _is_installed base; then
            rm -rf "$venv"
            "$system_python" -m venv "$venv" >&2 || _fail "Python could not make a virtual environment in $venv"
            _install base
        fi
        [ "$1" = base ] || _install "$1"
    fi
    exec 9>&-
}

_is_installed() {
    [ -x "$python" ] && [ -f "$venv/$1.installed" ] && [ "$(_asked_for)" = "$(cat "$venv/$1.installed")" ]
}

_asked_for() {
    cat "$root/pyproject.toml" "$root/constraints.txt"
}

_install() { # the dependencies; netsim itself runs from the checkout
    "$python" -I - "$root/pyproject.toml" "$1" >"$venv/$1.requirements" <<'PYTHON' || _fail "pyproject.toml is not as expected"
import sys, tomllib
with open(sys.argv[1], "rb") as file:
    project = tomllib.load(file)["project"]
level = sys.argv[2]
print("\n".join(project["dependencies"] if level == "base" else project["optional-dependencies"][level]))
PYTHON
    PIP_USER=0 PIP_REQUIRE_VIRTUALENV=0 "$python" -I -m pip install --quiet --quiet --no-input --disable-pip-version-check \
        --requirement "$venv/$1.requirements" --constraint "$root/constraints.txt" >&2 ||
        _fail "pip could not install the dependencies; what it said stands above"
    _asked_for >"$venv/$1.copy" && mv "$venv/$1.copy" "$venv/$1.installed"
}

_find_python() { # the first that can make virtual environments; 3.11 first, with which netsim is tested
    incomplete=
    for name in python3.11 python3.12 python3.13 python3.14 python3 python; do
        system_python=$(command -v "$name") || continue
        "$system_python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue
        "$system_python" -c 'import ensurepip, venv' 2>/dev/null && return
        incomplete=$name
    done
    [ -n "$incomplete" ] || _fail 'Python 3.11 or newer is needed, on Debian and Ubuntu: apt install python3 python3-venv'
    [ "$incomplete" = python ] && incomplete=python3
    _fail "$incomplete lacks its venv module, on Debian and Ubuntu: apt install $incomplete-venv"
}

_fail() {
    echo "netsim: $1" >&2
    exit 4
}
