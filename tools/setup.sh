#!/usr/bin/env bash
# Installs what Edgewise needs, by package name, on Debian 12 and 13. Idempotent: a second run installs nothing.
#
#   tools/setup.sh build     compiler, libraries: enough to build and run the server
#   tools/setup.sh demo      build, and npm with the Web SDK for the demo shop
#   tools/setup.sh test      demo, and clang, analysers, Chromium, openssl, curl, the Target Node SDK for the tests
#   tools/setup.sh bench     test, and nginx, redis, wrk and DuckDB for the benches
set -euo pipefail
want=${1:-test}
root=$(cd "$(dirname "$0")/.." && pwd)

sudo_() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
say() { printf '\033[1m==>\033[0m %s\n' "$*"; }

. /etc/os-release
build="gcc make cmake ninja-build pkg-config libmicrohttpd-dev libgnutls28-dev zlib1g-dev libxxhash-dev libpcre2-dev libpsl-dev
    libmaxminddb-dev libxgboost-dev libcurl4-gnutls-dev ca-certificates"
demo="$build"
command -v npm >/dev/null 2>&1 || demo="$demo nodejs npm"
test="$demo clang clang-format clang-tidy cppcheck python3 chromium openssl curl"
case ${VERSION_CODENAME:-} in
    bookworm) test="$test libclang-rt-14-dev" ;;
    *) test="$test libclang-rt-19-dev" ;;
esac
bench="$test nginx-light redis-server wrk"
case $want in
    build) packages=$build ;; demo) packages=$demo ;; test) packages=$test ;; bench) packages=$bench ;;
    *) echo "usage: tools/setup.sh build|demo|test|bench" >&2; exit 2 ;;
esac

missing=""
for p in $packages; do
    dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $p"
done
if [ -n "$missing" ]; then
    say "installing$missing"
    sudo_ apt-get update -qq
    # shellcheck disable=SC2086
    sudo_ env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi

# yyjson and QuickJS reached Debian with 13. On 12 the packages of 13 are installed (they need an older glibc only) through a
# throw-away apt configuration: nothing is added to the machine's sources and nothing else is upgraded.
from_trixie() {
    local t mirror opts
    t=$(mktemp -d)
    mkdir -p "$t/etc" "$t/lists/partial" "$t/cache/archives/partial"
    chmod 755 "$t"
    mirror=${DEBIAN_MIRROR:-$(find /etc/apt -name '*.list' -o -name '*.sources' | sort | xargs -r \
        sed -n 's/^URIs: *\([^ ]*\/debian\)\/* *$/\1/p; s/^deb *\(\[.*\]\)* *\([^ ]*\/debian\)\/* .*/\2/p' |
        sed -n 1p)}
    [ -n "$mirror" ] || { echo "no Debian mirror found in the apt sources: set DEBIAN_MIRROR" >&2; exit 1; }
    [ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || sudo_ apt-get install -y -qq debian-archive-keyring
    printf 'Types: deb\nURIs: %s\nSuites: trixie\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n' \
        "$mirror" >"$t/etc/trixie.sources"
    opts="-o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts=$t/etc -o Dir::State::lists=$t/lists
          -o Dir::Cache=$t/cache -o APT::Sandbox::User=$(id -un)"
    # shellcheck disable=SC2086
    (cd "$t" && apt-get $opts update -qq && apt-get $opts download "$@" >/dev/null)
    sudo_ apt-get install -y -qq --no-install-recommends "$t"/*.deb >/dev/null
    rm -rf "$t"
}
newer=""
for p in libyyjson-dev libquickjs; do
    dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'install ok installed' || newer="$newer $p"
done
if [ -n "$newer" ]; then
    say "installing$newer"
    # shellcheck disable=SC2086
    if apt-cache policy $newer 2>/dev/null | grep -c 'Candidate: [0-9]' | grep -qx "$(echo $newer | wc -w)"; then
        sudo_ env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $newer >/dev/null
    else
        from_trixie libyyjson0 libyyjson-dev libquickjs
    fi
fi

# Clients for the demo, the tests and the benches come from npm by the names and versions in a package.json. Published files
# are all that is used: each is unpacked by itself, and what a package names is listed beside it when it is needed.
npm_packages() {
    local folder=$1 t name version
    cmp -s "$folder/package.json" "$folder/node_modules/.installed" && return 0
    t=$(mktemp -d)
    sed -n '/ependencies"/,/}/s/^ *"\([^"]*\)": "\([0-9][^"]*\)".*/\1 \2/p' "$folder/package.json" |
        while read -r name version; do
            say "installing $name $version"
            (cd "$t" && npm pack --silent "$name@$version" >/dev/null)
            mkdir -p "$folder/node_modules/$name"
            tar xzf "$t"/*.tgz -C "$folder/node_modules/$name" --strip-components=1
            rm -f "$t"/*.tgz
        done
    rm -rf "$t"
    cp "$folder/package.json" "$folder/node_modules/.installed"
}
[ "$want" = build ] || npm_packages "$root/demo"
case $want in test | bench) npm_packages "$root/tests/sdk" ;; esac

# DuckDB for bench/run batch and history, which load the library that comes with its Node binding (x86-64).
duckdb="@duckdb/node-bindings-linux-x64" duckdb_version=1.4.4-r.4
duckdb_package() {
    local t
    say "installing $duckdb $duckdb_version"
    t=$(mktemp -d)
    (cd "$t" && npm pack --silent "$duckdb@$duckdb_version" >/dev/null)
    mkdir -p "$root/bench/node_modules/$duckdb"
    tar xzf "$t"/*.tgz -C "$root/bench/node_modules/$duckdb" --strip-components=1
    rm -rf "$t"
}
if [ "$want" = bench ] && ! grep -qs "\"$duckdb_version\"" "$root/bench/node_modules/$duckdb/package.json"; then
    duckdb_package
fi
say "ready: $want"
