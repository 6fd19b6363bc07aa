#!/usr/bin/env bash
# Starts workers on other hosts over ssh: deploy/attach.sh [--program PATH] [--workers N] HOST...
#
# The join token is read from standard input, or from TMDNE_JOIN:
#
#     tmdne token new sweep | grep -o 'tmdne1_.*' | deploy/attach.sh ada emmy user@sophie
#
# It goes to the hosts over ssh's standard input: no command line, and so no list of processes, ever holds it.
#
#     --program PATH    tmdne on the hosts; what the PATH there has unless given
#     --workers N       workers a host, 1 unless given
set -euo pipefail

fail() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 64
}

program=tmdne
workers=1
hosts=()
while (($#)); do
    case $1 in
        --program)
            [[ -n ${2-} ]] || fail "--program needs a path"
            program=$2
            shift 2
            ;;
        --workers)
            [[ ${2-} =~ ^[1-9][0-9]?$ ]] || fail "--workers needs a number from 1 to 99"
            workers=$2
            shift 2
            ;;
        -h | --help)
            sed -nE '2,/^[^#]/s/^# ?//p' "${BASH_SOURCE[0]}"
            exit 0
            ;;
        -*) fail "$1 is no option; see deploy/attach.sh --help" ;;
        *)
            hosts+=("$1")
            shift
            ;;
    esac
done
((${#hosts[@]})) || fail "name the hosts; see deploy/attach.sh --help"

token=${TMDNE_JOIN-}
[[ -n $token ]] || IFS= read -r token || true
# The whole line that the coordinator prints will do as well.
token=${token##* }
[[ $token == tmdne1_* ]] || fail "the join token has to come over standard input or in TMDNE_JOIN"

# shellcheck disable=SC2317  # called there
# Runs on the host. printf is the shell's own, so that the token stays out of the list of processes there too.
remote() {
    IFS= read -r token
    umask 077
    log=${XDG_CACHE_HOME:-$HOME/.cache}/tmdne
    mkdir -p "$log"
    log=$log/worker.log
    command -v "$1" >/dev/null || { echo "there is no $1" >&2; exit 1; }
    started=
    number=0
    while [ "$number" -lt "$2" ]; do
        number=$((number + 1))
        printf '%s\n' "$token" | setsid "$1" worker - >>"$log" 2>&1 &
        started="$started $!"
    done
    # A token or a program that does not fit ends a worker at once.
    sleep 2
    for worker in $started; do
        kill -0 "$worker" 2>/dev/null || { echo "a worker has ended: $(tail -n 1 "$log")" >&2; exit 1; }
    done
    echo "$2 started, see $log"
}

# Quoted as every shell reads it: which one the hosts' users have is not known.
quoted() {
    local rest=$1
    printf "'%s'" "${rest//\'/\'\\\'\'}"
}

failed=0
for host in "${hosts[@]}"; do
    [[ $host != -* ]] || fail "$host is no host"
    command="$(declare -f remote); remote $(quoted "$program") $workers"
    if answer=$(printf '%s\n' "$token" | ssh -T -o BatchMode=yes -o ConnectTimeout=15 "$host" \
        "exec bash -c $(quoted "$command")" 2>&1); then
        printf '%s: %s\n' "$host" "$answer"
    else
        printf '%s: FAILED: %s\n' "$host" "$answer" >&2
        failed=1
    fi
done
exit "$failed"
