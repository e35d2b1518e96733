#include "agent/cli/backup_words.h"

#include <inttypes.h>

#include "agent/cli/answer.h"
#include "agent/cli/human.h"

enum { PROGRESS_WIDTH = 60, FINGERPRINT_SHOWN = 16 };

static bool shown(const struct cli *cli)
{
    return cli->notes.width > 0 && !cli->json;
}

void backup_progress(const struct cli *cli, uint64_t done, uint64_t total)
{
    if (!shown(cli)) {
        return;
    }
    struct human part = human_bytes(done);
    if (total == 0) { /* how long it gets is not known */
        screen_print(&cli->notes, "\r  %s      ", part.text);
        (void)fflush(cli->notes.out);
        return;
    }
    struct human whole = human_bytes(total);
    unsigned percent = (unsigned)(done * 100 / total);
    screen_print(&cli->notes, "\r  %s of %s (%u%%)      ", part.text, whole.text, percent);
    (void)fflush(cli->notes.out);
}

void backup_progress_clear(const struct cli *cli)
{
    if (shown(cli)) {
        screen_print(&cli->notes, "\r%*s\r", PROGRESS_WIDTH, "");
        (void)fflush(cli->notes.out);
    }
}

void backup_print_about(const struct screen *screen, const json_t *about)
{
    int64_t made_at_ms;
    struct human size = human_bytes((uint64_t)answer_int(about, "bytes"));
    if (answer_instant(about, "made_at", &made_at_ms)) {
        struct human when = human_instant(made_at_ms, screen->now_ms);
        screen_fact(screen, "As of", "%s", when.text);
    }
    screen_fact(screen, "Size", "%s, %" PRId64 " pages", size.text, answer_int(about, "pages"));
    if (answer_has(about, "fingerprint")) {
        screen_fact(screen, "Fingerprint", "%.*s", FINGERPRINT_SHOWN, answer_text(about, "fingerprint"));
    }
}
