# Joins facts, tests/bench/measures and the benchmarks' lines into one table, and into JSON when `json` names a file.
# Files in this order: facts (NAME<tab>VALUE), measures (key|measure|unit|aim), lines (KEY<tab>SIDE<tab>VALUE; SIDE is
# ours, floor, pouchdb, or ratio when the program has a better one than ours by floor).

FILENAME != last_file { last_file = FILENAME; file++ }

file == 1 { fact_name[++facts] = $1; fact[facts] = $2; next }

file == 2 {
    if ($0 ~ /^#/ || split($0, part, "|") < 4) {
        next
    }
    styles = part[1] ~ /%s/ ? 2 : 1
    for (i = 1; i <= styles; i++) {
        key = part[1]
        style = i == 1 ? "repeated" : "free"
        sub(/%s/, style, key)
        order[i, ++placed[i]] = key
        measure[key] = part[2]
        unit[key] = part[3]
        aims = split(part[4], goal, ",")
        aim[key] = aims > 1 ? goal[i] : part[4]
        style_of[key] = styles == 2 ? style : ""
    }
    next
}

$2 == "ours" || $2 == "floor" || $2 == "pouchdb" || $2 == "ratio" { value[$1, $2] = $3; }

function number(v) {
    if (v == "") return ""
    if (v >= 1000 || v <= -1000) return sprintf("%.0f", v)
    return v == int(v) ? sprintf("%d", v) : v >= 100 ? sprintf("%.1f", v) : sprintf("%.2f", v)
}

function met(goal, ours, ratio,    of, bound, sign) {
    of = ours
    if (sub(/^r/, "", goal)) of = ratio
    sign = substr(goal, 1, 2)
    bound = substr(goal, 3) + 0
    if (of == "") return ""
    return (sign == ">=" ? of + 0 >= bound : of + 0 <= bound) ? "met" : "missed"
}

function quoted(text) {
    gsub(/[\\"]/, "\\\\&", text)
    return "\"" text "\""
}

function row(key,    ours, floor, pouchdb, ratio, times, verdict, shown) {
    ours = value[key, "ours"]
    floor = value[key, "floor"]
    pouchdb = value[key, "pouchdb"]
    if (ours == "" && floor == "") return
    ratio = value[key, "ratio"] != "" ? value[key, "ratio"] : ours != "" && floor != "" && floor != 0 ? ours / floor : ""
    times = ours != "" && pouchdb != "" && pouchdb != 0 ? ours / pouchdb : ""
    verdict = aim[key] != "" ? met(aim[key], ours, ratio) : ""
    shown = aim[key]
    sub(/^r/, "", shown)
    printf "%-54s %12s %12s %8s %12s %8s  %-9s %s\n", measure[key] (unit[key] != "" ? ", " unit[key] : ""),
        number(ours), number(floor), ratio == "" ? "" : sprintf("%.2fx", ratio), number(pouchdb),
        times == "" ? "" : sprintf("%.2fx", times), shown, verdict
    rows = rows (rows != "" ? ",\n    " : "\n    ") "{" "\"key\": " quoted(key) ", \"notes\": " \
        (style_of[key] != "" ? quoted(style_of[key]) : "null") ", \"measure\": " quoted(trimmed(measure[key])) \
        ", \"unit\": " quoted(unit[key]) ", \"ours\": " (ours != "" ? ours : "null") ", \"floor\": " \
        (floor != "" ? floor : "null") ", \"ratio\": " (ratio != "" ? sprintf("%.4f", ratio) : "null") ", \"pouchdb\": " (pouchdb != "" ? pouchdb : "null") \
        ", \"aim\": " \
        (aim[key] != "" ? quoted(aim[key]) : "null") ", \"met\": " \
        (verdict == "" ? "null" : verdict == "met" ? "true" : "false") "}"
}

function trimmed(text) {
    sub(/^ */, "", text)
    return text
}

function section(title) {
    printf "\n%-54s %12s %12s %8s %12s %8s  %s\n", title, "ours", "floor", "ratio", "PouchDB", "ratio", "aim"
}

END {
    for (i = 1; i <= facts; i++) {
        printf "%s: %s\n", fact_name[i], fact[i]
    }
    print "PouchDB: the same records and account, TLS both ways; its commits do not wait for the disk"
    print "floor: plain SQLite; for the week a session changeset, zstd, the same HTTP client and server"
    section("repeated notes, and what has no notes")
    for (i = 1; i <= placed[1]; i++) {
        row(order[1, i])
    }
    section("free text")
    for (i = 1; i <= placed[2]; i++) {
        row(order[2, i])
    }
    if (json != "") {
        printf "{\n  \"machine\": {" > json
        for (i = 1; i <= facts; i++) {
            printf "%s%s: %s", (i > 1 ? ", " : ""), quoted(fact_name[i]), quoted(fact[i]) > json
        }
        printf "},\n  \"rows\": [%s\n  ]\n}\n", rows > json
    }
}
