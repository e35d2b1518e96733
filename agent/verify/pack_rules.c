/* The programme's rules in a pack: which files of them there are, and which record of the centre gives each. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/verify/pack_parts.h"
#include "store/programme/programme.h"

#define RULES_ENDING ".json"

bool pack_rules_path(const char *path)
{
    enum { BEGINNING = sizeof(PACK_RULES) - 1, DIGITS = PROGRAMME_SHA256_SIZE - 1 };
    return strncmp(path, PACK_RULES, BEGINNING) == 0 && strspn(path + BEGINNING, "0123456789abcdef") == DIGITS &&
           strcmp(path + BEGINNING + DIGITS, RULES_ENDING) == 0;
}

bool pack_rules_named(const struct pack_op *op, const char *field, char ret_sha256[PROGRAMME_SHA256_SIZE])
{
    struct record record;
    const struct kind *kind = kind_by_number(op->op.kind);
    if (kind == NULL || !op->body_proved || !op->signed_proved || op->admitted != ERR_OK ||
        record_decode(kind, op->op.body, &record, NULL) != ERR_OK) {
        return false;
    }
    const struct value *value = record_value(&record, field);
    if (!value->present || value->text.len != PROGRAMME_SHA256_SIZE - 1) {
        return false;
    }
    memcpy(ret_sha256, value->text.data, value->text.len);
    ret_sha256[value->text.len] = '\0';
    return true;
}

const struct pack_rules *pack_rules_find(const struct pack_report *report, const char *sha256)
{
    for (size_t i = 0; i < report->rules_count; i++) {
        if (strcmp(report->rules[i].sha256, sha256) == 0) {
            return &report->rules[i];
        }
    }
    return NULL;
}

static struct pack_rules *add(struct pack_report *report, const char *sha256)
{
    struct pack_rules *rules = &report->rules[report->rules_count++];
    *rules = (struct pack_rules){ .giver = PACK_NO_OP };
    (void)snprintf(rules->sha256, sizeof(rules->sha256), "%s", sha256);
    rules->built_in = strcmp(sha256, programme_sha256(programme_default())) == 0;
    return rules;
}

static void read_file(const struct pack_file *file, struct pack_report *report)
{
    char sha256[PROGRAMME_SHA256_SIZE];
    hex_encode(file->sha256, SHA256_BYTES, sha256);
    if (pack_rules_path(file->path) && memcmp(file->path + strlen(PACK_RULES), sha256, strlen(sha256)) == 0) {
        add(report, sha256);
    } else {
        pack_wrong(report, file->path, "its content is not the rules that its name says");
    }
}

enum err_code pack_read_rules(const struct pack_files *files, struct pack_report *report, struct error *err)
{
    size_t most = report->op_count + 1;
    for (size_t i = 0; (i = pack_files_next(files, i, PACK_RULES)) < files->count; i++) {
        most++;
    }
    report->rules = calloc(most, sizeof(*report->rules));
    if (report->rules == NULL) {
        return FAIL(err, NO_MEMORY, "check the rules in the pack");
    }
    for (size_t i = 0; (i = pack_files_next(files, i, PACK_RULES)) < files->count; i++) {
        read_file(&files->files[i], report);
    }
    for (size_t i = 0; i < report->op_count; i++) {
        char sha256[PROGRAMME_SHA256_SIZE];
        if (report->ops[i].op.kind == KIND_PROGRAMME_PACK && pack_rules_named(&report->ops[i], "sha256", sha256)) {
            const struct pack_rules *there = pack_rules_find(report, sha256);
            struct pack_rules *rules = there != NULL ? &report->rules[there - report->rules] : add(report, sha256);
            if (rules->giver == PACK_NO_OP || op_compare(&report->ops[rules->giver].op, &report->ops[i].op) < 0) {
                rules->giver = i; /* said again with another day: the newest counts */
            }
        }
    }
    return ERR_OK;
}
