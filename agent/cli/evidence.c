/* evidence: a pack that stands up without this machine: what was recorded, by whom, when, and what proves it. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/cli/answer.h"
#include "agent/cli/argument.h"
#include "agent/cli/evidence_pack.h"
#include "agent/cli/memory.h"
#include "agent/cli/text.h"

struct evidence_input {
    const char *subject;
    const char *folder;
};

static error_t parse_evidence(int key, char *arg, struct argp_state *state)
{
    struct evidence_input *input = state->input;
    switch (key) {
    case 'o':
        input->folder = arg;
        return 0;
    case ARGP_KEY_ARG:
        input->subject = argument_text(state, "what to prove", argument_only(state, arg));
        return 0;
    case ARGP_KEY_END:
        if (input->subject == NULL || input->folder == NULL) {
            argp_error(state, "say about what and where to: a session (GDN-P014@2026-11-20) or a person (GDN-014), and "
                              "-o FOLDER");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option options[] = {
    { "output", 'o', "DIR", 0, "the folder to make; it must not be there yet, or be empty", 0 },
    { 0 },
};

const struct argp evidence_argp = {
    .options = options,
    .parser = parse_evidence,
    .args_doc = "SESSION|PERSON -o DIR",
    .doc =
        "Writes a pack that proves what was recorded about one session, or about one person, to somebody who trusts "
        "neither this machine nor the centre: a page to read (index.html, summary.pdf), the records as they were "
        "signed, what proves them, and instructions (VERIFY.txt). 'holdfast-verify DIR' checks it anywhere."
        "\vThe pack holds personal data of that one person and nobody else's. Only its owner may read the folder; give "
        "it to whoever has to decide, and to the person themselves.",
};

/* Said before anything is read, not after. */
static enum err_code folder_free(const char *folder, struct error *err)
{
    struct stat about;
    if (lstat(folder, &about) != 0) {
        return ERR_OK;
    }
    DIR *dir = S_ISDIR(about.st_mode) ? opendir(folder) : NULL;
    size_t entries = 0;
    while (dir != NULL && readdir(dir) != NULL) {
        entries++;
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
    if (dir == NULL || entries > 2) {
        return FAIL(err, CONFLICT, "write the pack '%s': it is there already; name a folder that is not there yet",
                    folder);
    }
    return ERR_OK;
}

static json_t *summary_of(const struct evidence_pack *pack, const char *folder, const uint8_t manifest[SHA256_BYTES])
{
    char hex[2 * SHA256_BYTES + 1];
    size_t confirmed = 0;
    size_t headers = 0;
    size_t erased = 0;
    size_t with_receipt = 0;
    for (size_t i = 0; i < pack->record_count; i++) {
        confirmed += pack->records[i].position > 0;
        erased += pack->records[i].erased;
        with_receipt += pack->records[i].receipt != EVIDENCE_NO_RECEIPT;
    }
    for (size_t i = 0; i < pack->run_count; i++) {
        headers += pack->runs[i].header_count;
    }
    hex_encode(manifest, SHA256_BYTES, hex);
    return must_have(json_pack("{s:O,s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:s}", "about", answer_member(pack->about, "about"),
                               "folder", folder, "records", (json_int_t)pack->record_count, "confirmed",
                               (json_int_t)confirmed, "with_receipt", (json_int_t)with_receipt, "erased",
                               (json_int_t)erased, "chains", (json_int_t)pack->run_count, "headers",
                               (json_int_t)headers, "manifest_sha256", hex));
}

static void print_summary(struct cli *cli, json_t *summary, const char *folder)
{
    const struct screen *screen = &cli->screen;
    int64_t records = answer_int(summary, "records");
    int64_t waiting = records - answer_int(summary, "confirmed");
    SCOPED(scoped_free) char *visible = text_visible(folder, false);
    screen_print(screen, "wrote the pack to '%s'\n", visible);
    screen_fact(screen, "Records", "%lld", (long long)records);
    if (waiting > 0) {
        screen_fact(screen, "Not confirmed",
                    "%lld not yet confirmed by the centre: after the next exchange a new pack has that too",
                    (long long)waiting);
    }
    screen_fact(screen, "Read", "%s/index.html or %s/summary.pdf", visible, visible);
    screen_fact(screen, "Check", "holdfast-verify %s, or as %s/VERIFY.txt says", visible, visible);
}

enum exit_code evidence_write(struct cli *cli, const char *subject, const char *folder, json_t **ret_summary)
{
    struct evidence_pack pack;
    struct error err = { .code = ERR_OK };
    uint8_t manifest[SHA256_BYTES];
    if (folder_free(folder, &err) != ERR_OK) {
        return call_refused(cli, &err);
    }
    enum exit_code code = evidence_fetch(cli, subject, &pack);
    if (code != EXIT_DONE) {
        return code;
    }
    if (evidence_files(&pack, folder, manifest, &err) == ERR_OK) {
        *ret_summary = summary_of(&pack, folder, manifest);
    } else {
        code = call_refused(cli, &err);
    }
    evidence_pack_free(&pack);
    return code;
}

enum exit_code evidence_run(struct cli *cli, int argc, char **argv)
{
    struct evidence_input input = { 0 };
    command_parse(cli, argc, argv, &input);
    SCOPED(answer_free) json_t *summary = NULL;
    enum exit_code code = evidence_write(cli, input.subject, input.folder, &summary);
    if (code == EXIT_DONE && !call_printed(cli, summary)) {
        print_summary(cli, summary, input.folder);
    }
    return code;
}
