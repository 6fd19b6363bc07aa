#!/usr/bin/env bash
# Builds tmdne and installs it with its model: deploy/install.sh [--prefix DIR] [--units]
#
#     --prefix DIR    where to install; /usr/local unless given
#     --units         the systemd units and the user tmdne too; needs root
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

prefix=/usr/local
units=false
while (($#)); do
    case $1 in
        --prefix)
            [[ ${2-} == /* ]] || fail "--prefix needs an absolute path"
            prefix=${2%/}
            shift 2
            ;;
        --units)
            units=true
            shift
            ;;
        -h | --help)
            sed -nE '2,/^[^#]/s/^# ?//p' "${BASH_SOURCE[0]}"
            exit 0
            ;;
        *) fail "$1 is no option; see deploy/install.sh --help" ;;
    esac
done
if ! mkdir -p "$prefix/lib" "$prefix/bin" 2>/dev/null || [[ ! -w $prefix/lib || ! -w $prefix/bin ]]; then
    fail "$prefix can't be written; use sudo or another --prefix"
fi
! $units || ((EUID == 0)) || fail "--units needs root"

[[ -n ${TMDNE_BINARY-} ]] || scripts/build --product tmdne
# Complete before it takes the old one's place, so that a worker that runs keeps its files.
new=$prefix/lib/.tmdne.new
rm -rf "$new"
deploy/stage "$new" ${TMDNE_BINARY+"$TMDNE_BINARY"}
rm -rf "$prefix/lib/tmdne"
mv "$new" "$prefix/lib/tmdne"
ln -sfn ../lib/tmdne/bin/tmdne "$prefix/bin/tmdne"

if $units; then
    getent passwd tmdne >/dev/null \
        || useradd --system --user-group --home-dir /var/lib/tmdne --shell /usr/sbin/nologin tmdne
    install -d --mode=755 /etc/tmdne
    install -d --mode=700 --owner=tmdne --group=tmdne /var/lib/tmdne
    for unit in deploy/systemd/*.service; do
        sed "s#/usr/bin/tmdne#$prefix/bin/tmdne#" "$unit" >"/etc/systemd/system/${unit##*/}"
    done
    [[ ! -d /run/systemd/system ]] || systemctl daemon-reload
fi
printf 'Installed %s; try: %s doctor\n' "$prefix/bin/tmdne" "$prefix/bin/tmdne"
