/*
 * agent/verify/pack_parts - what the files of pack_check share. Not for others.
 */
#ifndef AGENT_VERIFY_PACK_PARTS_H
#define AGENT_VERIFY_PACK_PARTS_H

#include "agent/verify/pack_check.h"

#define PACK_SEQ_DIGITS 13 /* of a header's file name */
#define PACK_RULES "rules/"

/* Adds a finding. */
void pack_wrong(struct pack_report *report, const char *path, const char *format, ...) PRINTF_LIKE(3, 4);

/* FOLDER/NAME, with its whole content; NULL, with a finding, when it is missing or too large. */
const struct pack_file *pack_need(const struct pack_files *files, const char *folder, const char *name,
                                  struct pack_report *report);

/* How many of FOLDER/0001, FOLDER/0002, ... there are; a finding when others are there too. */
size_t pack_folders(const struct pack_files *files, const char *folder, struct pack_report *report);

/* A certificate of the centre's that the authority issued; else false, with a finding. */
bool pack_centre(const struct pack_file *pem, struct pack_report *report, struct certificate *ret_centre);

/* Which chain "NNNN/SEQ\n" names, and the number: of a header that is in it. False: none. */
bool pack_chain_named(const struct pack_report *report, struct slice text, size_t *ret_chain, uint64_t *ret_seq);

/* rules/SHA-256.json */
bool pack_rules_path(const char *path);

/* Every chain/NNNN, then every receipts/NNNN, then every ops/NNNN, then every file in rules/. Fail without memory only.
 */
MUST_USE enum err_code pack_read_chains(const struct pack_files *files, struct pack_report *report, struct error *err);
MUST_USE enum err_code pack_read_receipts(const struct pack_files *files, struct pack_report *report,
                                          struct error *err);
MUST_USE enum err_code pack_read_ops(const struct pack_files *files, struct pack_report *report, struct error *err);
MUST_USE enum err_code pack_read_rules(const struct pack_files *files, struct pack_report *report, struct error *err);

#endif
