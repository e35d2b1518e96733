#include <string.h>

#include "agent/cli/answer.h"
#include "agent/cli/doubt.h"
#include "agent/cli/evidence_pack.h"

enum exit_code doubt_raise(struct cli *cli, const struct doubt_input *input, const json_t *preview)
{
    SCOPED(answer_free) json_t *pack = NULL;
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = evidence_write(cli, input->what, input->folder, &pack);
    if (code != EXIT_DONE) {
        return code;
    }
    json_t *body = json_pack("{s:s,s:s,s:s,s:I,s:b,s:s*}", "session", input->what, "reviewer", input->reviewer,
                             "evidence", answer_text(pack, "manifest_sha256"), "exposure_weeks",
                             (json_int_t)answer_int(answer_member(preview, "exposure"), "weeks"), "confirmed", 1,
                             "note", input->note);
    code = call(cli, "POST", path_of("/v1/doubts"), body, CALL_TIMEOUT_S, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    screen_print(&cli->screen, "raised; it goes to the Jobcentre with the next exchange\n");
    doubt_print(&cli->screen, answer_member(answer, "doubt"));
    screen_fact(&cli->screen, "Pack",
                "the Jobcentre gets the digest, not the pack: keep %s and hand it over, to whoever decides and to the "
                "person",
                input->folder);
    return EXIT_DONE;
}
