#!/usr/bin/env bash
# Runs a command beside a real Gitea of its own: scripts/gitea.sh VERSION COMMAND...
# The server is built from its Go module, kept for the next time, and started on a free port of 127.0.0.1 with an empty data folder. COMMAND finds
# AICTL_GITEA_URL and AICTL_GITEA_TOKEN (of an administrator, with all scopes) in its environment. Its exit code is this
# script's; server and data are gone when it ends.
set -euo pipefail

if [ $# -lt 2 ]; then
  echo "usage: scripts/gitea.sh VERSION COMMAND...   e.g. scripts/gitea.sh 1.25.2 go test -count=1 -run Contract ./gitea" >&2
  exit 2
fi
version=${1#v}
shift
cache="${XDG_CACHE_HOME:-$HOME/.cache}/aictl-gitea"
binary="$cache/gitea-$version"
source="$cache/source-$version"

# Gitea before 1.23 reads a structure of Go's runtime that Go 1.24 changed.
toolchain() {
  case $version in
    1.2[0-2].*) echo go1.22.12 ;;
    *) echo auto ;;
  esac
}

build() {
  [ -x "$binary" ] && return
  mkdir -p "$cache"
  echo "gitea: building $version, which takes some minutes" >&2
  local module
  # Some of its versions are not in the checksum database.
  module=$(cd "$cache" && GOFLAGS=-mod=mod GONOSUMDB=code.gitea.io/gitea go mod download -json "code.gitea.io/gitea@v$version" |
    sed -n 's/^\s*"Dir": "\(.*\)",$/\1/p')
  rm -rf "$source"
  cp -r "$module" "$source"
  chmod -R u+w "$source"
  (cd "$source" && GOTOOLCHAIN=$(toolchain) CGO_ENABLED=1 go build -tags 'sqlite sqlite_unlock_notify' -ldflags "-X main.Version=$version" -o "$binary" .)
}

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

configure() {
  mkdir -p "$work/custom/conf"
  cat >"$work/custom/conf/app.ini" <<END
RUN_USER = $(id -un)
RUN_MODE = prod
WORK_PATH = $work
[server]
HTTP_ADDR = 127.0.0.1
HTTP_PORT = $port
ROOT_URL = http://127.0.0.1:$port/
STATIC_ROOT_PATH = $source
DISABLE_SSH = true
LFS_START_SERVER = true
OFFLINE_MODE = true
[database]
DB_TYPE = sqlite3
PATH = $work/gitea.db
[repository]
ROOT = $work/repos
[security]
INSTALL_LOCK = true
[webhook]
ALLOWED_HOST_LIST = loopback,private
[log]
MODE = file
[actions]
ENABLED = false
[cron.update_checker]
ENABLED = false
END
}

gitea() {
  env GITEA_WORK_DIR="$work" GITEA_I_AM_BEING_UNSAFE_RUNNING_AS_ROOT=true HOME="$work" "$binary" "$@"
}

work=$(mktemp -d)
pid=""
stop() {
  if [ -n "$pid" ]; then
    kill "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  fi
  rm -rf "$work"
}
trap stop EXIT

start() {
  port=$(free_port)
  configure
  env GITEA_WORK_DIR="$work" GITEA_I_AM_BEING_UNSAFE_RUNNING_AS_ROOT=true HOME="$work" \
    "$binary" web -c "$work/custom/conf/app.ini" >"$work/out.log" 2>&1 &
  pid=$!
  for _ in $(seq 600); do
    if python3 -c "import urllib.request; urllib.request.urlopen('http://127.0.0.1:$port/api/v1/version', timeout=5)" 2>/dev/null; then
      return
    fi
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  echo "gitea: it does not start:" >&2
  cat "$work/out.log" >&2
  exit 1
}

build
start
gitea -c "$work/custom/conf/app.ini" admin user create --admin --username aictl-test --password "Test-$RANDOM-$RANDOM" \
  --email test@example.invalid --must-change-password=false >/dev/null 2>&1
AICTL_GITEA_URL="http://127.0.0.1:$port"
AICTL_GITEA_TOKEN=$(gitea -c "$work/custom/conf/app.ini" admin user generate-access-token --username aictl-test --scopes all --raw 2>/dev/null | tail -n 1)
export AICTL_GITEA_URL AICTL_GITEA_TOKEN
"$@"
