#!/bin/bash
# The man page and the completion know every command and every option that the program has, and no other.
#   documents_test.sh HOLDFAST MAN_PAGE COMPLETION
set -euo pipefail
program="$1" page="$2" completion="$3"
failures=0

fail() {
    echo "FAIL: $*" >&2
    failures=$((failures + 1))
}

text="$(sed 's/\\-/-/g; s/\\f[A-Z]//g' "$page")"
# shellcheck disable=SC1090
source "$completion"

commands="$("$program" help --json | sed -n 's/^ *"name": "\(.*\)",$/\1/p')"
[ -n "$commands" ] || fail "the program lists no commands"
sorted() {
    tr -s ' \n' '\n' <<<"$1" | sort
}
# shellcheck disable=SC2154
[ "$(sorted "$commands")" = "$(sorted "$_holdfast_commands")" ] ||
    fail "the completion's commands are not the program's"

for command in $commands; do
    grep -Eq "^\.[A-Z]+ \"?$command( |\"|\$)" <<<"$text" || fail "man page: no paragraph for '$command'"
    [ "$("$program" help "$command" 2>&1)" = "$("$program" "$command" --help 2>&1)" ] ||
        fail "'help $command' does not say what '$command --help' says"
    options="$("$program" "$command" --help | grep -Eo '^ +(-., +)?--[a-z-]+' | grep -Eo -- '--[a-z-]+' | sort -u)"
    for option in $options; do
        case "$option" in
            --usage) continue ;;
        esac
        grep -q -- "$option" <<<"$text" || fail "man page: '$command' has $option"
        _holdfast_options "$command" | tr ' ' '\n' | grep -qx -- "$option" || fail "completion: '$command' has $option"
    done
    for option in $(_holdfast_options "$command"); do
        grep -qx -- "$option" <<<"$options" || fail "completion: '$command' has no $option"
    done
done

# A word too many is refused before anybody is asked, whatever the command takes.
while read -r -a words; do
    said="$("$program" "${words[@]}" 2>&1)" && fail "'${words[*]}' is taken"
    grep -q "'surplus' is one word too many" <<<"$said" || fail "'${words[*]}' says: $said"
done <<'END'
doubts surplus
flags surplus
flag 12ab34cd surplus
erase GDN-014 surplus
policy change P-1 surplus
END

# What a person gets after typing $1 and TAB.
completes() {
    COMP_LINE="$1" COMP_POINT="${#1}" COMPREPLY=()
    _holdfast
    [ "${COMPREPLY[*]}" = "$2" ] || fail "'$1' completes to '${COMPREPLY[*]}', not '$2'"
}

# shellcheck disable=SC2016
# Stands for the program behind the dynamic names, so that no agent is needed.
holdfast() {
    case "$1" in
        roll) printf '{\n  "sessions": [\n    {\n      "session": "GDN-P014@2014-11-20",\n      "day": "2014-11-20"\n    },\n' &&
            printf '    {\n      "session": "GDN-P015@2014-11-20/2",\n      "evil": "x"\n    },\n    { "session": "$(touch x)" }' ;;
        flags) printf '      "id": "12ab34cd",\n' ;;
    esac
}
COMP_WORDBREAKS=' @='
completes "holdfast att" "attend"
completes "holdfast attend " "GDN-P014@2014-11-20 GDN-P015@2014-11-20/2"
completes "holdfast attend GDN-P015@2" "2014-11-20/2"
completes "holdfast attend GDN-P014@2014-11-20 l" "late left_early"
completes "holdfast attend --minutes 20 GDN-P014@2014-11-20 h" "host_closed"
completes "holdfast --json flag 1" "12ab34cd"
completes "holdfast import --kind re" "referrals register referral redress"
completes "holdfast export register --format j" "json"
completes "holdfast referral dec" "decline"
completes "holdfast capacity set --pl" "--places"

[ "$failures" -eq 0 ] || exit 1
echo "documents are in step"
