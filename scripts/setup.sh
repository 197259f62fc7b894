#!/usr/bin/env bash
# Checks that this machine can build, test and show aictl, and mends what it may: as root on Debian missing packages are
# installed, otherwise they are named. With --test the servers that tests start are set up, too, with --bench the programs
# that aictl is measured against.
set -euo pipefail

cache="${XDG_CACHE_HOME:-$HOME/.cache}/aictl-bench"
pm2_version=7.0.4
packages=()
missing=()

# need PACKAGE WHAT COMMAND...: when COMMAND fails, PACKAGE is to be installed, which brings WHAT.
need() {
  local package=$1 what=$2
  shift 2
  if ! "$@" >/dev/null 2>&1; then
    packages+=("$package")
    missing+=("$what (Debian package $package)")
  fi
}

has() { command -v "$1"; }

go_is_new_enough() {
  # Older ones fetch the toolchain that go.mod names by themselves, from 1.21 on.
  local version
  version=$(go env GOVERSION | sed 's/^go1\.\([0-9]*\).*/\1/')
  [ "$version" -ge 21 ]
}

check_build_tools() {
  if ! has go >/dev/null || ! go_is_new_enough; then
    echo "setup: Go 1.21 or newer is needed; get it from https://go.dev/dl/ and put its bin folder into PATH" >&2
    exit 1
  fi
  need gcc "a C compiler" has gcc
  need libc6-dev "the C library's headers" test -e /usr/include/stdlib.h
  need git git has git
  need python3 "Python 3" has python3
  need python3-venv "Python's venv" python3 -c 'import venv, ensurepip'
  need nodejs Node has node
  need npm npm has npm
  need systemd systemd-analyze has systemd-analyze
}

# has_server finds programs that Debian keeps out of PATH.
has_server() { command -v "$1" || ls /usr/lib/postgresql/*/bin/"$1"; }

check_test_tools() {
  need git-lfs git-lfs has git-lfs
  need postgresql PostgreSQL has_server initdb
  need mariadb-server MariaDB has mariadb-install-db
  need nginx-light nginx has nginx
  need caddy Caddy has caddy
}

check_bench_tools() {
  need supervisor Supervisor has supervisord
  need runit runit has runsvdir
  need nginx-light nginx has nginx
  need caddy Caddy has caddy
  need mitmproxy mitmproxy has mitmdump
  need wrk wrk has wrk
}

# Debian starts what it installs; nothing of that is wanted on a machine that only measures.
install_packages() {
  local policy=/usr/sbin/policy-rc.d made="" status=0
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 0755 "$policy"
    made=$policy
  fi
  { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${packages[@]}"; } || status=$?
  rm -f $made
  return "$status"
}

mend() {
  [ "${#packages[@]}" -gt 0 ] || return 0
  if [ "$(id -u)" -eq 0 ] && has apt-get >/dev/null; then
    echo "setup: installing ${packages[*]}" >&2
    install_packages
    return 0
  fi
  printf 'setup: missing: %s\n' "${missing[@]}" >&2
  echo "setup: on Debian or Ubuntu: sudo apt-get install ${packages[*]}" >&2
  exit 1
}

install_pm2() {
  local package="$cache/node_modules/pm2/package.json"
  if [ -e "$package" ] && grep -q "\"version\": \"$pm2_version\"" "$package"; then
    return 0
  fi
  echo "setup: installing pm2 $pm2_version into $cache" >&2
  mkdir -p "$cache"
  npm install --prefix "$cache" --no-audit --no-fund --loglevel=error "pm2@$pm2_version"
}

check_build_tools
case "${1:-}" in
--test) check_test_tools ;;
--bench) check_bench_tools ;;
esac
mend
if [ "${1:-}" = --bench ]; then
  install_pm2
fi
