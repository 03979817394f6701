#!/bin/sh
# What the tests need and no Python package brings: Java for Spark, PostgreSQL's programs, and venv where uv is missing.
# Installs Debian's packages in CI as root; anywhere else it leaves the machine alone, and the tests say what they lack.
set -eu

[ "${CI:-}" = true ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || exit 0

missing=
java -version >/dev/null 2>&1 || missing="$missing java"
command -v pg_ctl >/dev/null || ls /usr/lib/postgresql/*/bin/pg_ctl >/dev/null 2>&1 || missing="$missing postgresql"
command -v uv >/dev/null || python3 -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python3-venv"
[ -n "$missing" ] || exit 0

echo "Installing with apt-get:$missing ..."
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq

packages=
for name in $missing; do
    if [ "$name" = java ]; then # Debian 12 has 17, later ones have their own
        name=$(apt-cache show openjdk-17-jre-headless >/dev/null 2>&1 && echo openjdk-17-jre-headless || echo default-jre-headless)
    fi
    packages="$packages $name"
done

# The tests start a cluster of their own; Debian's package would start one too.
mkdir -p /etc/postgresql-common
[ -e /etc/postgresql-common/createcluster.conf ] || echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf

# shellcheck disable=SC2086 # a list of words
apt-get install -qq -y --no-install-recommends $packages >/dev/null
